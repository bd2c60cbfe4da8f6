"""`scylla compare-setups A B …`: a person's own set-ups against each other, in one command."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import anyio

from scylla.cli.output import stop_on_errors
from scylla.cli.run import run_selection
from scylla.cli.selection import Selection
from scylla.config.cases import load_cases
from scylla.config.findings import Findings
from scylla.config.setup_folder import CONFIGURATION, load_setup_folder
from scylla.domain.tier import OWN_TIER, Setup, Subtest
from scylla.errors import UsageError
from scylla.workspace.git import git, try_git

NOTHING = "none"
"""The word for the agent CLI as it comes."""

_MOST = 100


def execute(arguments: argparse.Namespace) -> int:
    """Run every case with each set-up and say what the differences are; exit codes as those of `scylla run`."""
    return anyio.run(_compare, arguments)


async def _compare(arguments: argparse.Namespace) -> int:
    if not 2 <= len(arguments.setups) <= _MOST:
        raise UsageError("a comparison needs two set-ups or more", fix="name folders, git refs of folders, or 'none'")
    findings = Findings()
    subtests: list[Subtest] = []
    for number, text in enumerate(arguments.setups):
        name, setup = await _load(text, findings)
        same = next((subtest.name for subtest in subtests if subtest.setup == setup), None)
        if same is not None and not findings.error_count:
            raise UsageError(f"{text} and {same} give an agent exactly the same", fix="name set-ups that differ")
        subtests.append(
            Subtest(tier=OWN_TIER, id=f"{number:02d}", name=name, description=f"The set-up {text}.", setup=setup)
        )
    loaded = load_cases(arguments.tiers_dir)
    stop_on_errors((*findings.problems, *loaded.problems))
    selection = Selection(cases=loaded.cases, subtests=tuple(subtests), kind="-setups")
    return await run_selection(arguments, selection)


async def _load(text: str, findings: Findings) -> tuple[str, Setup]:
    """Name and set-up of a folder, of a git ref (`HEAD~3`, `main:agent-setup`), or nothing at all."""
    given = Path(text)
    if await anyio.Path(given).is_dir():
        return text, load_setup_folder(given, findings)
    if text == NOTHING:
        return text, Setup()
    with tempfile.TemporaryDirectory(prefix="setup-") as name:
        folder = Path(name)
        tree = await try_git("rev-parse", "--verify", "--quiet", _tree_of(text), cwd=Path.cwd())
        named = tree.stdout.decode().strip()
        kind = await try_git("cat-file", "-t", named, cwd=Path.cwd())
        if tree.exit_code != 0 or kind.stdout.strip() not in (b"tree", b"commit"):
            raise UsageError(
                f"{text} is neither a folder nor a git ref of one here",
                fix=f"name a folder, a ref (HEAD~3), a ref with a folder (main:agent-setup), or '{NOTHING}'",
            )
        await _check_out(named, folder)
        # A ref means something else tomorrow; the tree does not.
        exact = f"{text} ({named[:8]})"
        return exact, load_setup_folder(folder / "files", findings, name=text)


def _tree_of(text: str) -> str:
    return text if ":" in text else f"{text}^{{tree}}"


async def _check_out(tree: str, folder: Path) -> None:
    """Write the agent configuration of the tree into the folder; the repository and its index stay as they are."""
    git_folder = (await git("rev-parse", "--absolute-git-dir", cwd=Path.cwd())).decode().strip()
    files = folder / "files"
    files.mkdir()
    env = {"GIT_DIR": git_folder, "GIT_INDEX_FILE": str(folder / "index"), "GIT_WORK_TREE": str(files)}
    await git("read-tree", tree, cwd=files, env=env)
    names = (await git("ls-files", "-z", cwd=files, env=env)).split(b"\0")
    wanted = [name for name in names if name.decode(errors="surrogateescape").startswith(CONFIGURATION)]
    listed = b"".join(name + b"\0" for name in wanted)
    await git("checkout-index", "-z", "--stdin", cwd=files, env=env, stdin=listed)
