"""What the agent changed, and what the checks say of it."""

from __future__ import annotations

import hashlib
import secrets
import time
from functools import partial
from pathlib import Path

import anyio.to_thread

from scylla.domain.process import Command
from scylla.domain.record import Attempt, Grading, RunRecord
from scylla.domain.rubric import Check, Item
from scylla.domain.score import ItemMark
from scylla.e2e.agent import attempt_folder
from scylla.e2e.parts import Parts
from scylla.e2e.sitting import Sitting
from scylla.executor.process import run
from scylla.judge.checks import OUTPUT_LIMIT_BYTES, decide
from scylla.workspace.changes import collect_changes, snapshot
from scylla.workspace.removal import remove_tree


async def grade_changes(record: RunRecord, parts: Parts, sitting: Sitting) -> None:
    """Collect the changes of the run's result, run every check, record both; nothing when it is interrupted."""
    attempt = record.result
    assert attempt is not None
    workspace = _workspace_of(attempt)
    if workspace is None:
        parts.progress.note(f"{record.key.label}: its final workspace is gone, so it cannot be graded")
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
    overlay = tuple(file.path for file in parts.plan.subtest(attempt.key).setup.overlay)
    changes = await collect_changes(parts.prepared[case.id], workspace, exclude=overlay, scratch=_scratch(parts))
    (folder / "changes.patch").write_bytes(changes.patch)
    marks = [
        await _check(item, item.check, workspace, overlay, folder / "checks" / item.id, parts)
        for item in case.rubric.check_items
        if item.check is not None
    ]
    return Grading(
        key=attempt.key,
        attempt=attempt.number,
        marks=tuple(marks),
        duration_s=time.monotonic() - started,
        files_changed=changes.files,
        patch_digest=hashlib.sha256(changes.patch).hexdigest(),
        notes=changes.notes,
    )


async def _check(
    item: Item, check: Check, workspace: Path, overlay: tuple[str, ...], folder: Path, parts: Parts
) -> ItemMark:
    """Run one check on a fresh copy, so that no check sees what another one left."""
    copy_folder = _scratch(parts)
    try:
        await snapshot(workspace, copy_folder / "project")
        _lay_out(copy_folder, folder, overlay)
        command = Command(
            argv=("/bin/sh", "-c", check.run),
            cwd=copy_folder / "project",
            env={
                "PATH": parts.search_path,
                "HOME": str(copy_folder / "home"),
                "TMPDIR": str(copy_folder / "tmp"),
                "LANG": "C.UTF-8",
                "TZ": "UTC",
            },
        )
        stdout, stderr = folder / "stdout.txt", folder / "stderr.txt"
        finished = await run(command, stdout=stdout, stderr=stderr, timeout_s=check.timeout_s, grace_s=1.0)
        return decide(
            item,
            check,
            exit_code=finished.exit_code,
            timed_out=finished.timed_out,
            stdout=_start_of(stdout),
            stderr=_start_of(stderr),
            folder=copy_folder / "project",
        )
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, copy_folder)


def _workspace_of(attempt: Attempt) -> Path | None:
    workspace = None if attempt.workspace is None else Path(attempt.workspace)
    return workspace if workspace is not None and workspace.is_dir() else None


def _lay_out(copy_folder: Path, folder: Path, overlay: tuple[str, ...]) -> None:
    """Take the set-up's files out of the copy and make the folders a check needs."""
    for path in overlay:
        (copy_folder / "project" / path).unlink(missing_ok=True)
    for name in ("home", "tmp"):
        (copy_folder / name).mkdir()
    folder.mkdir(parents=True, exist_ok=True)


def _scratch(parts: Parts) -> Path:
    return parts.scratch / secrets.token_hex(8)


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(OUTPUT_LIMIT_BYTES)
