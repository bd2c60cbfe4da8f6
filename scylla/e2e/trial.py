"""The tests of a case in the making, run before and after its solution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from scylla.domain.case import DEFAULT_PROTECT
from scylla.domain.process import Command
from scylla.domain.rubric import ReportMatch
from scylla.e2e.checking import GRACE_S, SHELL, Bench, start_of
from scylla.e2e.suite_command import REPORT
from scylla.errors import UsageError
from scylla.executor.process import run
from scylla.judge.checks import report_content
from scylla.judge.junit import ReportError, read_report
from scylla.workspace.graded import Recipe, clear_place
from scylla.workspace.prepare import Prepared
from scylla.workspace.rebuild import rebuild
from scylla.workspace.removal import remove_tree

_TIMEOUT_S = 900.0
_SHOWN_CHARACTERS = 1500


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What a trial needs. `protect` are the case's own patterns, `report` is the path that stands for `{report}`."""

    prepared: Prepared
    patch: Path
    hidden: Path
    protect: tuple[str, ...]
    command: str
    report: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """Tests by what they did. `flaky` ended differently in two runs after the solution, `failing` never passed there.

    `duration_s` is that of the longest run.
    """

    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    flaky: tuple[str, ...]
    failing: tuple[str, ...]
    duration_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Once:
    tests: Mapping[str, bool] | None
    problem: str
    said: str
    duration_s: float


async def try_tests(material: Material, scratch: Path, *, search_path: str) -> Tried:
    """Run the command once on the parent and twice with the solution, where and as the case's check will be run.

    UsageError when there is no report after the solution, or when no test fails before it and passes after it.
    """
    solved = scratch / "solved"
    await rebuild(material.prepared, material.patch, solved, scratch=scratch / "rebuild")
    before = await _run(material, material.prepared.folder, scratch / "before", search_path)
    first = await _run(material, solved, scratch / "first", search_path)
    second = await _run(material, solved, scratch / "second", search_path)
    if first.tests is None or second.tests is None:
        problem = first.problem or second.problem
        raise UsageError(
            f"the tests of the commit cannot be run: {problem}; {material.command!r} said:\n{first.said}",
            fix="install what they need for every user of this machine, or give --test-command with {report}",
        )
    # Before the solution there may be no report at all, such as from a compiler that finds nothing to call.
    tried = _sorted_out(before.tests or {}, first.tests, second.tests)
    if not tried.fail_to_pass:
        raise UsageError(
            f"no test fails before the commit and passes after it ({len(tried.pass_to_pass)} pass both times, "
            f"{len(tried.failing)} fail after it as well, {len(tried.flaky)} are flaky); "
            f"{material.command!r} said after it:\n{first.said}",
            fix="install what they need, or choose another commit, other tests (--tests), another --test-command",
        )
    longest_s = max(before.duration_s, first.duration_s, second.duration_s)
    return Tried(
        fail_to_pass=tried.fail_to_pass,
        pass_to_pass=tried.pass_to_pass,
        flaky=tried.flaky,
        failing=tried.failing,
        duration_s=longest_s,
    )


def check_timeout_s(duration_s: float) -> float:
    """Ten times what the tests took here, at least a minute, in whole minutes."""
    return 60.0 * max(1, math.ceil(duration_s * 10 / 60))


def _sorted_out(before: Mapping[str, bool], first: Mapping[str, bool], second: Mapping[str, bool]) -> Tried:
    names = sorted({*before, *first, *second})
    solid = [name for name in names if first.get(name) and second.get(name)]
    return Tried(
        fail_to_pass=tuple(name for name in solid if not before.get(name)),
        pass_to_pass=tuple(name for name in solid if before.get(name)),
        flaky=tuple(name for name in names if first.get(name, False) != second.get(name, False)),
        failing=tuple(name for name in names if not first.get(name) and not second.get(name)),
        duration_s=0.0,
    )


async def _run(material: Material, workspace: Path, folder: Path, search_path: str) -> _Once:
    recipe = Recipe(
        pinned=material.prepared.folder, protect=(*DEFAULT_PROTECT, *material.protect), hidden=material.hidden
    )
    bench = Bench(workspace=workspace, recipe=recipe, root=folder / "bench")
    await anyio.Path(folder).mkdir()
    stdout, stderr = folder / "stdout", folder / "stderr"
    try:
        await bench.make_ready()
        clear_place(material.report, bench.project)
        line = material.command.replace(REPORT, material.report)
        command = Command(argv=(SHELL, "-c", line), cwd=bench.project, env=bench.environment(search_path))
        finished = await run(command, stdout=stdout, stderr=stderr, timeout_s=_TIMEOUT_S, grace_s=GRACE_S)
        tests, problem = None, f"not done after {_TIMEOUT_S:g} s" if finished.timed_out else finished.error
        if not problem:
            try:
                tests = read_report(report_content(ReportMatch(file=material.report), bench.project))
            except (ReportError, OSError) as error:
                problem = f"the test report {error}"
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, bench.root)
    said = (start_of(stdout) + start_of(stderr)).decode(errors="replace").strip()
    return _Once(tests=tests, problem=problem, said=said[-_SHOWN_CHARACTERS:], duration_s=finished.duration_s)
