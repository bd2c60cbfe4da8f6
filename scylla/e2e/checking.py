"""The checks of a case, each on the final files as the agent left them."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from scylla.domain.case import Case
from scylla.domain.process import Command, Finished
from scylla.domain.rubric import Check, Item
from scylla.domain.score import ItemMark
from scylla.e2e.environment import TOOLS, check_environment, missing_programs, unknown_first_word
from scylla.executor.process import run
from scylla.judge.checks import OUTPUT_LIMIT_BYTES, decide
from scylla.workspace.graded import Recipe, clear_place, make_graded
from scylla.workspace.removal import remove_tree
from scylla.workspace.trees import fingerprint

GRACE_S = 1.0
SHELL = "/bin/sh"
_LIMITED = 'ulimit -f 2097152 2>/dev/null; exec "$0" -c "$1"'
"""No file that a check writes, its output among them, grows beyond 1 GiB (2 where a shell counts in kibibytes)."""


class Grounds(Protocol):
    """Where checks run: `scratch` takes the copies, `search_path` names the programs."""

    @property
    def scratch(self) -> Path:
        """A folder for graded copies."""

    @property
    def search_path(self) -> str:
        """PATH for the commands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """The marks of all check items, in the rubric's order, and what was put right in the graded copy.

    `durations_s` says how long each took, by item id. `problem` says why the checks cannot decide anything on this
    machine; there are no marks then.
    """

    marks: tuple[ItemMark, ...] = ()
    notes: tuple[str, ...] = ()
    durations_s: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""


async def run_checks(
    case: Case, workspace: Path, *, pinned: Path, overlay: tuple[str, ...], folder: Path, parts: Grounds
) -> Checked:
    """Run every check; the output of its command goes to `folder`.

    No check sees what another one left: they run on a copy of the workspace that is fit to be graded, and a copy that
    a check has changed in any way is thrown away.
    """
    for who, program in missing_programs(case, parts.search_path):
        return Checked(problem=f"{who} needs {program}, which is not on the PATH")
    recipe = Recipe(pinned=pinned, overlay=overlay, protect=case.protect, hidden=case.hidden)
    bench = Bench(workspace=workspace, recipe=recipe, root=parts.scratch / secrets.token_hex(8))
    marks, durations_s = [], {}
    try:
        for item in case.rubric.check_items:
            if item.check is None:
                continue
            await bench.make_ready()
            started = time.monotonic()
            mark = await _run_check(item, item.check, bench, folder / item.id, parts)
            durations_s[item.id] = time.monotonic() - started
            if isinstance(mark, str):
                return Checked(problem=mark, notes=bench.notes)
            marks.append(mark)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, bench.root)
    return Checked(marks=tuple(marks), notes=bench.notes, durations_s=durations_s)


class Bench:
    """A graded copy of a final workspace, with a home, a folder for temporary files and the tools for checks."""

    def __init__(self, *, workspace: Path, recipe: Recipe, root: Path) -> None:
        self.root = root
        self.project = root / "project"
        self.notes: tuple[str, ...] = ()
        self._workspace = workspace
        self._recipe = recipe
        self._state: object = None

    def environment(self, search_path: str) -> Mapping[str, str]:
        """The whole environment of a command that runs here."""
        return check_environment(
            search_path=search_path,
            home=self.root / "home",
            temp=self.root / "tmp",
            tools=self.root / "tools",
            folder=self.root,
        )

    async def make_ready(self) -> None:
        """Bring it to the state in which the agent left the workspace, home and temporary files empty."""
        if self._state is None or await anyio.to_thread.run_sync(fingerprint, self.project) != self._state:
            await anyio.to_thread.run_sync(remove_tree, self.root)
            self.notes = await anyio.to_thread.run_sync(make_graded, self._workspace, self.project, self._recipe)
            self._state = await anyio.to_thread.run_sync(fingerprint, self.project)
        for folder in ("home", "tmp", "tools", "compiled"):
            await anyio.to_thread.run_sync(remove_tree, self.root / folder)
        for folder in ("home", "tmp", "tools"):
            (self.root / folder).mkdir()
        for tool in TOOLS.glob("*.py"):
            shutil.copyfile(tool, self.root / "tools" / tool.name)


async def _run_check(item: Item, check: Check, bench: Bench, folder: Path, parts: Grounds) -> ItemMark | str:
    """The mark, or in words why this machine cannot give one."""
    await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
    if check.report is not None:
        clear_place(check.report.file, bench.project)
    env = bench.environment(parts.search_path)
    command = Command(argv=(SHELL, "-c", _LIMITED, SHELL, check.run), cwd=bench.project, env=env)
    stdout, stderr = folder / "stdout.txt", folder / "stderr.txt"
    finished = await run(command, stdout=stdout, stderr=stderr, timeout_s=check.timeout_s, grace_s=GRACE_S)
    problem = _environment_problem(item, check, finished, parts.search_path)
    if problem:
        return problem
    if finished.error:
        # Whoever kills the process that watches over it has not passed.
        return ItemMark(item_id=item.id, points=0.0, reason=f"the command was cut off: {finished.error}")
    return decide(
        item,
        check,
        exit_code=finished.exit_code,
        timed_out=finished.timed_out,
        stdout=start_of(stdout),
        stderr=start_of(stderr),
        folder=bench.project,
    )


def _environment_problem(item: Item, check: Check, finished: Finished, search_path: str) -> str:
    if finished.error.startswith(f"{SHELL}:"):
        return f"check {item.id} cannot be started: {finished.error}"
    if finished.exit_code in (126, 127) and (word := unknown_first_word(check.run, search_path)):
        return f"check {item.id} needs {word}, which is not on the PATH"
    return ""


def start_of(path: Path) -> bytes:
    """What is compared of an output; no more than that is kept on the disk."""
    with path.open("r+b") as file:
        start = file.read(OUTPUT_LIMIT_BYTES)
        file.truncate(len(start))
    return start
