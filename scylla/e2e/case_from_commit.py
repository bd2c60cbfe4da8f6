"""A case made from one commit of somebody's history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scylla.config.case_writing import BUNDLE, HIDDEN, PATCH, NewCase, case_id, write_case
from scylla.config.prompt_draft import Draft, draft_prompt
from scylla.config.tests_named import is_test_path, main_language, roots_of_tests
from scylla.domain.case import DEFAULT_PROTECT, Source, SourceKind
from scylla.domain.rubric import Check, ReportMatch
from scylla.e2e.suite_command import REPORT, SuiteCommand, detect_command, given_command
from scylla.e2e.trial import Material, Tried, check_timeout_s, try_tests
from scylla.errors import UsageError
from scylla.workspace.graded import protects
from scylla.workspace.history import Commit, Pinned, open_commit, write_bundle, write_files, write_patch
from scylla.workspace.prepare import prepare

_REPORTS = ("report.xml", "test-report.xml", *(f"test-report-{number}.xml" for number in range(2, 100)))
_QUALITY = (
    "The change is as small and clear as the task allows and follows the style of the code around it. No points when "
    "nothing was changed or the task was not solved."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a person asked for.

    `tests` are patterns beside what is found by name; `!pattern` takes out, and the last that matches decides.
    `network` are the variables with which a URL is reached, `search_path` is the PATH of checks.
    """

    repo: str
    ref: str
    tests: tuple[str, ...]
    test_command: str | None
    id: str | None
    network: Mapping[str, str]
    search_path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sorted:
    """The paths a commit changed.

    `left_out` are those that can be neither hidden tests nor solution (links, submodules), each with the reason.
    """

    tests: tuple[str, ...]
    solution: tuple[str, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A case that was made: what it is of, and what a person should look at."""

    id: str
    commit: str
    pinned: Pinned
    paths: Sorted
    command: str
    tried: Tried
    hints: tuple[str, ...]


async def make_case(wish: Wish, folder: Path, scratch: Path, *, note: Callable[[str], None]) -> Made:
    """Write the case into an empty folder; `scratch` is an empty folder too. UsageError when the commit makes none."""
    commit = await open_commit(wish.repo, wish.ref, scratch / "history", network=wish.network)
    is_test = _is_test(wish.tests)
    paths = _sort(commit, is_test)
    note(f"tests of the commit: {', '.join(paths.tests)}")
    await write_patch(commit, paths.solution, folder / PATCH)
    await write_files(commit, paths.tests, folder / HIDDEN)
    pinned = await write_bundle(commit, folder / BUNDLE)
    command = await _command(wish, commit, paths, is_test)
    source = Source(kind=SourceKind.BUNDLE, location=str(folder / BUNDLE), commit=pinned.commit)
    material = Material(
        prepared=await prepare(source, scratch / "parent"),
        patch=folder / PATCH,
        hidden=folder / HIDDEN,
        protect=_protected(commit, paths, is_test),
        command=command.run,
        report=next(name for name in _REPORTS if name not in commit.files_before | commit.files_after),
    )
    note(f"running them before and after it: {command.run}")
    tried = await try_tests(material, scratch, search_path=wish.search_path)
    new = [change.path for change in commit.changes if change.is_new and change.path in paths.solution]
    draft = draft_prompt(commit.message, new_files=new)
    made = Made(
        id=wish.id or case_id(draft.title, commit.hash),
        commit=commit.hash,
        pinned=pinned,
        paths=paths,
        command=command.run,
        tried=tried,
        hints=draft.hints,
    )
    write_case(_compose(made, draft, material, command.requires), folder)
    return made


def _is_test(patterns: Sequence[str]) -> Callable[[str], bool]:
    rules = [(not pattern.startswith("!"), protects([pattern.removeprefix("!")])) for pattern in reversed(patterns)]
    # What can decide how tests run is graded as the case has it, so no solution can bring it.
    decides_tests = protects(DEFAULT_PROTECT)

    def decide(path: str) -> bool:
        named = next((is_test for is_test, matches in rules if matches(path)), None)
        return is_test_path(path) or decides_tests(path) if named is None else named

    return decide


def _sort(commit: Commit, is_test: Callable[[str], bool]) -> Sorted:
    left_out = {change.path: "a submodule" for change in commit.changes if change.mode == "160000"}
    others = [change for change in commit.changes if change.path not in left_out]
    solution = tuple(change.path for change in others if not is_test(change.path))
    there = [path for path in solution if path in commit.files_after]
    tests = []
    for change in others:
        if change.path in solution:
            continue
        if not change.is_file:
            left_out[change.path] = "deleted" if change.is_gone else "a link"
        elif (made := _new_folder(change.path, commit)) and any(path.startswith(f"{made}/") for path in there):
            left_out[change.path] = f"lies in {made}, a folder that the solution makes"
        else:
            tests.append(change.path)
    if not tests:
        told = "; ".join(f"{path}: {reason}" for path, reason in left_out.items())
        raise UsageError(
            f"the commit {commit.hash[:12]} adds or changes no test{f' that can be hidden ({told})' if told else ''}",
            fix="choose a commit with tests, or name its test files with --tests GLOB",
        )
    if not solution:
        raise UsageError(
            f"the commit {commit.hash[:12]} changes only tests, so that there is nothing to solve",
            fix="choose a commit that changes code too, or take files out of the tests with --tests '!GLOB'",
        )
    return Sorted(tests=tuple(tests), solution=solution, left_out=left_out)


def _new_folder(path: str, commit: Commit) -> str:
    """The outermost folder on the way to a path that the parent does not have: hidden files replace it as a whole."""
    before = {str(parent) for file in commit.files_before for parent in PurePosixPath(file).parents}
    above = [str(parent) for parent in reversed(PurePosixPath(path).parents)]
    return next((folder for folder in above if folder not in before and folder != "."), "")


async def _command(wish: Wish, commit: Commit, paths: Sorted, is_test: Callable[[str], bool]) -> SuiteCommand:
    if wish.test_command is not None:
        return given_command(wish.test_command, wish.search_path)
    visible = [path for path in commit.files_after if is_test(path) and path not in paths.left_out]
    return await detect_command(commit, paths.tests, visible, search_path=wish.search_path)


def _protected(commit: Commit, paths: Sorted, is_test: Callable[[str], bool]) -> tuple[str, ...]:
    """Patterns for the tests that an agent sees, without what the solution changes."""
    usual = protects(DEFAULT_PROTECT)
    seen = (path for path in commit.files_before if path.isprintable() and is_test(path) and not usual(path))
    roots = roots_of_tests(path for path in seen if not path.startswith("!"))
    patterns = [root if root in commit.files_before else f"{root}/**" for root in roots]
    covered = protects((*DEFAULT_PROTECT, *patterns))
    return (*patterns, *(f"!{path}" for path in paths.solution if covered(path)))


def _compose(made: Made, draft: Draft, material: Material, requires: tuple[str, ...]) -> NewCase:
    solution = made.paths.solution
    language = main_language(solution) or main_language(made.paths.tests)
    shown = [f"- The original solution changed {path}." for path in solution[:20]]
    criteria = ["<!-- DRAFT: say what tells a good solution from one that just passes the tests. -->", ""]
    criteria += ["# What a good solution is", "", f"- It does what the request says: {draft.title}", *shown, ""]
    tried = made.tried
    return NewCase(
        id=made.id,
        name=draft.title,
        description=f"Made from commit {made.commit}; prompt and criteria are drafts.",
        language=language,
        prompt=draft.text,
        criteria="\n".join(criteria),
        commit=made.pinned.commit,
        check=Check(
            run=made.command.replace(REPORT, material.report),
            timeout_s=check_timeout_s(tried.duration_s),
            report=ReportMatch(file=material.report, fail_to_pass=tried.fail_to_pass, pass_to_pass=tried.pass_to_pass),
        ),
        check_words="The tests of the change pass, and those that passed before still do",
        quality=_QUALITY,
        requires=requires,
        protect=material.protect,
        tags=("from-history", language) if language else ("from-history",),
    )
