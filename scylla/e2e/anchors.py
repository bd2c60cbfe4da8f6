"""The proof of a case: its checks on its own solution and on nothing, graded as every run is. No model is asked."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.to_thread

from scylla.adapters.anchors import NOP, ORACLE
from scylla.adapters.cli import Adapter, CliRequest, CliResult, InstalledCli
from scylla.domain.anchor import AnchorRun, CaseProof
from scylla.domain.case import Case
from scylla.domain.outcome import Outcome
from scylla.domain.tier import Setup
from scylla.e2e.checking import Checked, run_checks
from scylla.e2e.experiment import prepare_case
from scylla.errors import UsageError
from scylla.executor.process import run
from scylla.workspace.changes import collect_changes
from scylla.workspace.copies import copy
from scylla.workspace.overlay import apply_setup, no_part_of_the_work
from scylla.workspace.prepare import Prepared
from scylla.workspace.removal import remove_tree
from scylla.workspace.slots import Slot, Slots

AT_ONCE = 2
"""How many workspaces are checked beside each other: little enough for checks that measure time."""

_LAYING_TIMEOUT_S = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofGrounds:
    """Where cases are proven. `work` is the folder agents work in, `scratch` one of this proof alone.

    `cli` is the interpreter that plays the anchors; `network` reaches sources that are URLs. `told` hears what is done.
    """

    work: Path
    scratch: Path
    search_path: str
    cli: InstalledCli
    network: Mapping[str, str]
    repeats: int
    told: Callable[[str], None]


async def prove_cases(cases: Sequence[Case], grounds: ProofGrounds) -> tuple[CaseProof, ...]:
    """Each case with the checks on its reference, where it has one, and on its untouched workspace."""
    room = anyio.CapacityLimiter(AT_ONCE)
    proofs: dict[str, CaseProof] = {}

    async def prove(case: Case) -> None:
        proofs[case.id] = await _prove(case, room, grounds)

    try:
        async with anyio.create_task_group() as tasks:
            for case in cases:
                tasks.start_soon(prove, case)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, grounds.scratch)
    return tuple(proofs[case.id] for case in cases)


async def _prove(case: Case, room: anyio.CapacityLimiter, grounds: ProofGrounds) -> CaseProof:
    try:
        async with room:
            prepared = await prepare_case(case, grounds.work / "sources", network=grounds.network)
    except UsageError as error:
        return CaseProof(case=case, reference=None, empty=AnchorRun(fault=f"{error.message}; {error.fix}"))
    found: dict[str, AnchorRun] = {}

    async def play(adapter: Adapter) -> None:
        async with room:
            found[adapter.name] = await _play(case, adapter, prepared, grounds)

    async with anyio.create_task_group() as tasks:
        for adapter in (NOP,) if case.reference is None else (NOP, ORACLE):
            tasks.start_soon(play, adapter)
    return CaseProof(case=case, reference=found.get(ORACLE.name), empty=found[NOP.name])


async def _play(case: Case, adapter: Adapter, prepared: Prepared, grounds: ProofGrounds) -> AnchorRun:
    """One end of the scale: an agent without a set-up, its changes, and the checks as often as asked."""
    overlay = no_part_of_the_work(Setup(), prepared)
    folder = grounds.scratch / secrets.token_hex(8)
    folder.mkdir(parents=True)
    with Slots(grounds.work / "a").take() as slot:
        await copy(prepared, slot.workspace)
        await apply_setup(Setup(), slot.workspace, prepared)
        ended = await _start(case, adapter, slot, folder, grounds)
        if ended.outcome is not Outcome.FINISHED:
            return AnchorRun(fault=ended.detail)
        changes = await collect_changes(prepared, slot.workspace, exclude=overlay, scratch=folder / "changes")
        rounds: list[Checked] = []
        for number in range(grounds.repeats):
            checked = await run_checks(
                case,
                slot.workspace,
                pinned=prepared.folder,
                overlay=overlay,
                folder=folder / f"checks-{number}",
                parts=grounds,
            )
            if checked.problem:
                grounds.told(f"{case.id}, {adapter.name}: {checked.problem}")
                return AnchorRun(missing=checked.problem, files_changed=changes.files)
            rounds.append(checked)
    longest_s = {item.id: max(checked.durations_s[item.id] for checked in rounds) for item in case.rubric.check_items}
    spent_s = sum(seconds for checked in rounds for seconds in checked.durations_s.values())
    grounds.told(f"{case.id}, {adapter.name}: {len(longest_s)} check(s), {spent_s:.1f} s")
    return AnchorRun(
        marks=tuple(checked.marks for checked in rounds),
        durations_s=tuple(longest_s.items()),
        files_changed=changes.files,
    )


async def _start(case: Case, adapter: Adapter, slot: Slot, folder: Path, grounds: ProofGrounds) -> CliResult:
    request = CliRequest(
        cli=grounds.cli,
        prompt_file=folder / "prompt.md",
        workspace=slot.workspace,
        home=slot.home,
        temp=slot.temp,
        search_path=grounds.search_path,
        base_url="",
        login_kind="",
        placeholder="",
        model=adapter.default_model,
        reference=case.reference if adapter.reads_reference else None,
    )
    stdout, stderr = folder / "stdout.txt", folder / "stderr.txt"
    command = replace(adapter.command(request), held=(slot.lock,))
    finished = await run(command, stdout=stdout, stderr=stderr, timeout_s=_LAYING_TIMEOUT_S)
    said = stderr.read_text(encoding="utf-8", errors="replace")
    return adapter.read_result(finished, (), said, None)
