"""A private copy of a prepared source for each run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio.to_thread

from scylla.errors import MachineError
from scylla.executor.process import run_captured
from scylla.workspace.prepare import Prepared
from scylla.workspace.trees import copy_tree

_TIMEOUT_S = 600.0


async def copy(prepared: Prepared, destination: Path) -> None:
    """A full copy of the repository at `destination`, which does not exist yet.

    It shares no file with the source or with other copies (no hard links, no alternates): an agent may rewrite even the
    objects of its repository. `git status` in it is clean and quick. benchmarks/workspace_copy.py compares the ways.
    """
    if sys.platform != "linux":
        await anyio.to_thread.run_sync(copy_tree, prepared.folder, destination)
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    command = ["cp", "-a", "--reflink=auto", "--", str(prepared.folder), str(destination)]
    done = await run_captured(command, cwd=destination.parent, env={"PATH": os.defpath}, timeout_s=_TIMEOUT_S)
    if done.exit_code != 0:
        said = done.error or done.stderr.decode(errors="replace").strip()
        raise MachineError(
            f"the workspace cannot be copied to {destination}: {said[-300:]}",
            fix="free some space, or choose another place with --work-dir",
        )
