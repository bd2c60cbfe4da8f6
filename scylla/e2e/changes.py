"""The changes of an attempt, kept beside its record: with the pinned source they are its final files."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from scylla.domain.record import Attempt
from scylla.e2e.parts import Parts
from scylla.store.codec import CodecError, decode, encode
from scylla.store.files import write_whole
from scylla.workspace.changes import collect_changes
from scylla.workspace.overlay import no_part_of_the_work
from scylla.workspace.rebuild import rebuild
from scylla.workspace.removal import remove_tree


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What `changes.json` says of `changes.patch`; `patch_digest` is its hex SHA-256."""

    files: tuple[str, ...]
    notes: tuple[str, ...]
    patch_digest: str
    format_version: int = 1


async def keep_changes(attempt: Attempt, folder: Path, parts: Parts) -> Kept | None:
    """Write the changes of a result to the attempt's folder, once; None when they and its workspace are gone."""
    if (kept := await anyio.to_thread.run_sync(_read, folder)) is not None:
        return kept
    workspace = workspace_of(attempt)
    if workspace is None:
        return None
    changes = await collect_changes(
        parts.prepared[attempt.key.case_id],
        workspace,
        exclude=overlay_of(attempt, parts),
        scratch=parts.scratch / secrets.token_hex(8),
    )
    kept = Kept(files=changes.files, notes=changes.notes, patch_digest=hashlib.sha256(changes.patch).hexdigest())
    # The patch first: the small file says that it is whole.
    write_whole(folder / "changes.patch", changes.patch)
    write_whole(folder / "changes.json", json.dumps(json.loads(encode(kept)), indent=2) + "\n")
    return kept


@asynccontextmanager
async def final_files(attempt: Attempt, folder: Path, parts: Parts) -> AsyncIterator[tuple[Path, tuple[str, ...]]]:
    """The final workspace of a result whose changes are kept, and what to note of it.

    When it is gone it is made again for as long as it is used.
    """
    workspace = workspace_of(attempt)
    if workspace is not None:
        yield workspace, ()
        return
    made = parts.scratch / secrets.token_hex(8)
    try:
        await rebuild(
            parts.prepared[attempt.key.case_id],
            folder / "changes.patch",
            made,
            scratch=parts.scratch / secrets.token_hex(8),
        )
        yield made, ("the final workspace was gone; the checks ran on the files that the patch gives",)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, made)


def overlay_of(attempt: Attempt, parts: Parts) -> tuple[str, ...]:
    """The paths in the attempt's workspace that are no part of the agent's work."""
    return no_part_of_the_work(parts.setup(attempt.key), parts.prepared[attempt.key.case_id])


def workspace_of(attempt: Attempt) -> Path | None:
    """The final workspace, None once it is gone."""
    workspace = None if attempt.workspace is None else Path(attempt.workspace)
    return workspace if workspace is not None and workspace.is_dir() else None


def _read(folder: Path) -> Kept | None:
    """What is kept, unless it is not there or not whole."""
    try:
        kept = decode(Kept, (folder / "changes.json").read_text(encoding="utf-8"))
        patch = (folder / "changes.patch").read_bytes()
    except (OSError, UnicodeDecodeError, CodecError):
        return None
    return kept if hashlib.sha256(patch).hexdigest() == kept.patch_digest else None
