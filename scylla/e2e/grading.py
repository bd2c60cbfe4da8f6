"""What the agent changed, and what the checks say of it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from scylla.domain.record import Attempt, Grading, RunRecord
from scylla.e2e.agent import attempt_folder
from scylla.e2e.baseline import with_baseline
from scylla.e2e.changes import final_files, keep_changes, overlay_of
from scylla.e2e.checking import run_checks
from scylla.e2e.evidence import write_evidence
from scylla.e2e.parts import Parts
from scylla.e2e.sitting import Sitting
from scylla.errors import ScyllaError
from scylla.workspace.removal import remove_tree


async def grade_changes(record: RunRecord, parts: Parts, sitting: Sitting) -> None:
    """Run every check on the run's final files and record what they say; nothing when it is interrupted.

    Where a check cannot run on this machine, that is recorded as the reason why the run has no grading yet.
    """
    attempt = record.result
    assert attempt is not None
    parts.progress.grading_started(record.key)
    graded = await sitting.unless_interrupted(partial(_try_to_grade, attempt, parts, sitting))
    if isinstance(graded, Grading):
        parts.store.save_grading(graded)
    elif graded is not None:
        parts.store.note_ungraded(record.key, graded)
        parts.progress.warning(f"{record.key.label}: not graded: {graded}")


async def remove_final_workspace(record: RunRecord, parts: Parts) -> None:
    """Free the disk once the run is graded; the patch stays."""
    attempt = record.result
    if attempt is not None and attempt.workspace is not None:
        await anyio.to_thread.run_sync(remove_tree, Path(attempt.workspace))
        parts.store.forget_workspace(record.key, attempt.number)


async def _try_to_grade(attempt: Attempt, parts: Parts, sitting: Sitting) -> Grading | str:
    """The grading, or why there is none: what an agent left for one run must not end everybody's experiment."""
    try:
        return await _grade(attempt, parts, sitting)
    except ScyllaError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this run alone
        return f"grading it failed: {type(error).__name__}: {error}"


async def _grade(attempt: Attempt, parts: Parts, sitting: Sitting) -> Grading | str:
    """The grading, or in words why there is none."""
    started = time.monotonic()
    folder = attempt_folder(parts, attempt.key, attempt.number)
    case = parts.plan.case(attempt.key.case_id)
    kept = await keep_changes(attempt, folder, parts)
    if kept is None:
        return "its final workspace is gone and so is its patch, so it can never be graded; --fresh starts anew"
    async with final_files(attempt, folder, parts) as (workspace, notes):
        checked = await run_checks(
            case,
            workspace,
            pinned=parts.prepared[case.id].folder,
            overlay=overlay_of(attempt, parts),
            folder=folder / "checks",
            parts=parts,
        )
        if checked.problem:
            return f"{checked.problem}; install it and run the same command again"
        commit = parts.prepared[case.id].commit
        await anyio.to_thread.run_sync(partial(write_evidence, attempt, case, workspace, folder, commit=commit))
    return Grading(
        key=attempt.key,
        attempt=attempt.number,
        marks=await with_baseline(checked.marks, case, parts, sitting),
        duration_s=time.monotonic() - started,
        files_changed=kept.files,
        patch_digest=kept.patch_digest,
        notes=(*kept.notes, *notes, *checked.notes),
    )
