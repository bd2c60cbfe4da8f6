"""`scylla new case`: a case from a commit of one's own history, or a template."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from scylla.cli.machine import network_variables, search_path
from scylla.cli.output import print_json, say
from scylla.config.case_format import is_url
from scylla.config.case_writing import WORKSPACE, template, write_case
from scylla.config.cases import load_cases
from scylla.config.strict import ID_PATTERN
from scylla.e2e.case_from_commit import Made, Wish, make_case
from scylla.errors import EXIT_OK, ProblemsFound, UsageError
from scylla.workspace.removal import remove_tree

_SHOWN = 20


def execute(arguments: argparse.Namespace) -> int:
    """Make the case as a whole or not at all; nothing that exists is overwritten."""
    if arguments.id is not None and not re.fullmatch(ID_PATTERN, arguments.id):
        raise UsageError(f"{arguments.id!r} cannot be an id", fix="use letters, digits, '.', '_' and '-'")
    if arguments.folder is not None and arguments.to is not None:
        raise UsageError("the folder is named twice", fix=f"leave out {arguments.folder} or --to")
    target = arguments.to or arguments.folder
    if arguments.from_commit is not None:
        return _from_commit(arguments, target)
    if arguments.tests or arguments.test_command:
        raise UsageError("--tests and --test-command need --from-commit REPO SHA", fix="name the commit")
    if target is None:
        raise UsageError("there is no folder to make", fix="scylla new case DIR, or --from-commit REPO SHA")
    return _from_template(arguments, target)


def _from_template(arguments: argparse.Namespace, target: Path) -> int:
    _must_be_free(target)
    with _beside(target) as folder:
        (folder / WORKSPACE).mkdir()
        (folder / WORKSPACE / "README.md").write_text("# The project\n", encoding="utf-8")
        case = template(target.absolute().name)
        case = case if arguments.id is None else replace(case, id=arguments.id)
        write_case(case, folder)
        _put_in_place(folder, target)
    if arguments.json:
        print_json({"id": case.id, "folder": str(target)})
    else:
        say(f"{target}: a template; edit it, then: scylla check {shlex.quote(str(target))}")
    return EXIT_OK


def _from_commit(arguments: argparse.Namespace, target: Path | None) -> int:
    repo, ref = arguments.from_commit
    if not is_url(repo) and not Path(repo).exists():
        raise UsageError(f"{repo} is neither a path nor a git URL", fix="name a repository, for example .")
    if target is not None:
        _must_be_free(target)
    wish = Wish(
        repo=repo if is_url(repo) else str(Path(repo).absolute()),
        ref=ref,
        tests=tuple(arguments.tests),
        test_command=arguments.test_command,
        id=arguments.id,
        network=network_variables(os.environ),
        search_path=search_path(os.environ),
    )
    with _beside(target or Path("case")) as folder, _scratch() as scratch:
        made = anyio.run(partial(make_case, wish, folder, scratch, note=say))
        target = target or Path(made.id)
        _put_in_place(folder, target)
    if arguments.json:
        print_json({**_document(made), "folder": str(target)})
    else:
        _show(made, target)
    return EXIT_OK


def _must_be_free(target: Path) -> None:
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already", fix="name another folder with --to, or move it away")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """An empty folder on the same disk; it, and what had to be made above it, is removed unless it was moved away."""
    folder = target.absolute().with_name(f".{target.name}.{secrets.token_hex(4)}")
    above = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"nothing can be written into {folder.parent}: {error.strerror}", fix="choose another place with --to"
        ) from error
    try:
        yield folder
    finally:
        remove_tree(folder)
        for parent in above:
            if not any(parent.iterdir()):
                parent.rmdir()


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="work-")).resolve()
    try:
        yield folder
    finally:
        remove_tree(folder)


def _put_in_place(folder: Path, target: Path) -> None:
    """Rename a case without problems to its place, which must still be free."""
    if problems := load_cases([folder]).problems:
        raise ProblemsFound(problems)
    try:
        target.mkdir()
    except FileExistsError:
        raise UsageError(f"{target} exists already", fix="name another folder with --to, or move it away") from None
    folder.rename(target)  # onto the empty folder that is ours alone


def _document(made: Made) -> Mapping[str, object]:
    return {
        "id": made.id,
        "commit": made.commit,
        "workspace_commit": made.pinned.commit,
        "has_history": made.pinned.has_history,
        "tests": list(made.paths.tests),
        "reference": list(made.paths.solution),
        "left_out": dict(made.paths.left_out),
        "test_command": made.command,
        "fail_to_pass": list(made.tried.fail_to_pass),
        "pass_to_pass": list(made.tried.pass_to_pass),
        "flaky": list(made.tried.flaky),
        "failing": list(made.tried.failing),
        "hints": list(made.hints),
    }


def _show(made: Made, target: Path) -> None:
    say(f"{target}: case {made.id} from commit {made.commit[:12]}")
    history = "its whole history" if made.pinned.has_history else "its files alone: the history is large or incomplete"
    say(f"  workspace: the parent of the commit, with {history}")
    _list("hidden tests", made.paths.tests)
    _list("reference", made.paths.solution)
    _list("left out", [f"{path} ({reason})" for path, reason in made.paths.left_out.items()])
    _list("fail before and pass after", made.tried.fail_to_pass)
    say(f"  pass before and after: {len(made.tried.pass_to_pass)}")
    _list("left out because they are flaky", made.tried.flaky)
    _list("left out because they fail after it as well", made.tried.failing)
    say("Edit prompt.md and expected/criteria.md, which are drafts:")
    for hint in made.hints:
        say(f"  - {hint}")
    say(f"  → scylla check {shlex.quote(str(target))}")


def _list(title: str, entries: tuple[str, ...] | list[str]) -> None:
    if entries:
        say(f"  {title}:")
        for entry in entries[:_SHOWN]:
            say(f"    {entry}")
        if len(entries) > _SHOWN:
            say(f"    and {len(entries) - _SHOWN} more")
