"""A private copy of a prepared source for each run."""

from __future__ import annotations

from pathlib import Path

import anyio.to_thread

from scylla.workspace.git import git
from scylla.workspace.prepare import Prepared
from scylla.workspace.trees import copy_tree


async def copy(prepared: Prepared, destination: Path) -> None:
    """A full copy of the repository at `destination`, which does not exist yet or is empty.

    It shares no file with the source or with other copies (no hard links, no alternates): an agent may rewrite even the
    objects of its repository. `git status` in it is clean and quick.
    """
    await anyio.to_thread.run_sync(copy_tree, prepared.folder, destination)
    # The copied files have new inodes; without this the agent's first `git status` would read them all.
    await git("update-index", "--refresh", "-q", cwd=destination)
