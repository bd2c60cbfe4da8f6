"""A repository that borrows the prepared one's objects and knows none of an agent's settings."""

from __future__ import annotations

from pathlib import Path

import anyio

from scylla.workspace.git import git
from scylla.workspace.prepare import Prepared


async def init_borrowed(prepared: Prepared, scratch: Path, *, attributes: str) -> None:
    """Make it at `scratch`, bare, with the pinned commit in its index.

    `attributes` is a line that wins over every .gitattributes.
    """
    await anyio.Path(scratch).mkdir(parents=True)
    await git("init", "--quiet", "--bare", "--template=", ".", cwd=scratch)
    info = anyio.Path(scratch / "objects" / "info")
    await info.mkdir(exist_ok=True)
    await (info / "alternates").write_text(f"{prepared.folder / '.git' / 'objects'}\n")
    await anyio.Path(scratch / "info").mkdir(exist_ok=True)
    await anyio.Path(scratch / "info" / "attributes").write_text(f"{attributes}\n")
    await git("read-tree", prepared.commit, cwd=scratch)
