"""What the agent changed, and what the checks say of it."""

from __future__ import annotations

import hashlib
import secrets
import time
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from scylla.domain.record import Attempt, Grading, RunRecord
from scylla.e2e.agent import attempt_folder
from scylla.e2e.checking import run_checks
from scylla.e2e.parts import Parts
from scylla.e2e.sitting import Sitting
from scylla.workspace.changes import collect_changes
from scylla.workspace.overlay import no_part_of_the_work
from scylla.workspace.removal import remove_tree


async def grade_changes(record: RunRecord, parts: Parts, sitting: Sitting) -> None:
    """Collect the changes of the run's result, run every check, record both; nothing when it is interrupted."""
    attempt = record.result
    assert attempt is not None
    workspace = _workspace_of(attempt)
    if workspace is None:
        parts.progress.warning(
            f"{record.key.label}: its final workspace is gone, so it can never be graded; --fresh starts anew"
        )
        return
    parts.progress.grading_started(record.key)
    grading = await sitting.unless_interrupted(partial(_grade, attempt, workspace, parts))
    if grading is not None:
        parts.store.save_grading(grading)


async def remove_final_workspace(record: RunRecord, parts: Parts) -> None:
    """Free the disk once the run is graded; the patch stays."""
    attempt = record.result
    if attempt is not None and attempt.workspace is not None:
        await anyio.to_thread.run_sync(remove_tree, Path(attempt.workspace))
        parts.store.forget_workspace(record.key, attempt.number)


async def _grade(attempt: Attempt, workspace: Path, parts: Parts) -> Grading:
    started = time.monotonic()
    folder = attempt_folder(parts, attempt.key, attempt.number)
    case = parts.plan.case(attempt.key.case_id)
    prepared = parts.prepared[case.id]
    overlay = no_part_of_the_work(parts.setup(attempt.key), prepared)
    changes = await collect_changes(prepared, workspace, exclude=overlay, scratch=parts.scratch / secrets.token_hex(8))
    (folder / "changes.patch").write_bytes(changes.patch)
    marks = await run_checks(case.rubric, workspace, overlay=overlay, folder=folder / "checks", parts=parts)
    return Grading(
        key=attempt.key,
        attempt=attempt.number,
        marks=marks,
        duration_s=time.monotonic() - started,
        files_changed=changes.files,
        patch_digest=hashlib.sha256(changes.patch).hexdigest(),
        notes=changes.notes,
    )


def _workspace_of(attempt: Attempt) -> Path | None:
    workspace = None if attempt.workspace is None else Path(attempt.workspace)
    return workspace if workspace is not None and workspace.is_dir() else None
