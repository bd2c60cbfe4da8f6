"""The whole of a sitting: what was lost is closed, sources are prepared, runs are carried out in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from scylla.domain.case import Case
from scylla.domain.plan import Plan, RunKey
from scylla.domain.record import RunRecord
from scylla.e2e.judging import missing_judges
from scylla.e2e.parts import Parts, Progress
from scylla.e2e.run import carry_out
from scylla.e2e.sitting import Sitting
from scylla.e2e.winners import settle_winners
from scylla.gateway.exchange import spend_of
from scylla.gateway.recording import read_exchanges
from scylla.store.store import Store
from scylla.workspace.prepare import Prepared, prepare
from scylla.workspace.removal import remove_tree


async def prepare_cases(
    cases: Sequence[Case], folder: Path, progress: Progress, *, network: Mapping[str, str] | None = None
) -> Mapping[str, Prepared]:
    """The pinned source of each case, by case id; made once and reused. `network` is for sources that are URLs."""
    prepared = {}
    for case in cases:
        progress.note(f"preparing the workspace of {case.id}")
        prepared[case.id] = await prepare_case(case, folder, network=network)
    return prepared


async def prepare_case(case: Case, folder: Path, *, network: Mapping[str, str] | None = None) -> Prepared:
    """The pinned source of one case below `folder`; its place changes with whatever changes the case."""
    return await prepare(case.source, folder / case.digest[:16], network=network)


def cases_at_work(plan: Plan, records: Sequence[RunRecord]) -> tuple[Case, ...]:
    """The cases of which some run still needs its workspace: one without a result, or whose changes are not graded."""
    ids = {record.key.case_id for record in records if record.grading is None}
    return tuple(case for case in plan.cases if case.id in ids)


def close_lost_steps(store: Store) -> int:
    """Close what a killed sitting left open, with what the gateway had metered of it; how many steps that were."""
    attempts, calls = store.open_attempts(), store.open_judge_calls()
    for attempt in attempts:
        folder = store.folder / attempt.key.label / f"attempt_{attempt.number:02d}" / "agent"
        store.lose_attempt(attempt.key, attempt.number, spend_of(read_exchanges(folder)))
    for call in calls:
        folder = store.folder / call.key.label / f"attempt_{call.attempt:02d}"
        folder /= f"judge_{call.judge_number:02d}_call_{call.call:02d}"
        store.lose_judge_call(call, spend_of(read_exchanges(folder)))
    return len(attempts) + len(calls)


async def remove_leftovers(store: Store, *, ungraded: Path, scratch: Path) -> None:
    """Free the disk of what a killed sitting left: copies for checks, and workspaces that no record names."""
    named = {attempt.workspace for record in store.records() for attempt in record.attempts}
    left = [Path(path) async for path in anyio.Path(ungraded).glob("*") if str(path) not in named]
    for path in (*left, scratch):
        await anyio.to_thread.run_sync(remove_tree, path)


async def carry_out_all(parts: Parts, sitting: Sitting) -> None:
    """Carry out every planned run that is not complete, in the plan's order, `parallel` agents at once.

    Judges of a run start as soon as its agent is done, beside other agents. Subtests that inherit come last, once the
    runs that decide about their winners are scored. Returns when all is done, interrupted or stopped; the records say
    what is missing.
    """
    sitting.known.learn_all(parts.store.records())
    heirs = {subtest.label for subtest in parts.plan.subtests if subtest.inherits}
    first = [key for key in parts.plan.order if key.subtest_label not in heirs]
    await _carry_out(first, parts, sitting)
    rest = [key for key in parts.plan.order if key.subtest_label in heirs]
    if not rest or sitting.is_over:
        return
    if reason := settle_winners(parts):
        parts.progress.warning(f"{', '.join(sorted(heirs))} cannot be run yet: {reason}")
        return
    await _carry_out(rest, parts, sitting)


async def _carry_out(order: Sequence[RunKey], parts: Parts, sitting: Sitting) -> None:
    async with anyio.create_task_group() as runs:
        for key in order:
            if is_complete(parts.store.record(key), parts):
                continue
            await sitting.unless_interrupted(lambda key=key: sitting.agents.acquire_on_behalf_of(key))  # type: ignore[misc]
            if sitting.is_over:
                break
            if key.subtest_label in sitting.undelivered:
                sitting.agents.release_on_behalf_of(key)
                continue
            runs.start_soon(carry_out, key, parts, sitting)


def is_complete(record: RunRecord, parts: Parts) -> bool:
    """True when nothing is left to do for the run."""
    return record.score is not None and not missing_judges(record, parts.plan)


def missing_runs(parts: Parts) -> tuple[RunKey, ...]:
    """The planned runs without a score, in the plan's order."""
    return tuple(key for key in parts.plan.order if parts.store.record(key).score is None)
