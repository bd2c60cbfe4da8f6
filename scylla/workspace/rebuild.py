"""A final workspace made again from the pinned source and the changes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import anyio
import anyio.to_thread

from scylla.errors import MachineError
from scylla.workspace.borrowed import init_borrowed
from scylla.workspace.copies import copy
from scylla.workspace.git import GitError, git
from scylla.workspace.graded import clear_place, leads_through_link
from scylla.workspace.prepare import Prepared
from scylla.workspace.removal import remove_tree

# Contents are written as the patch has them, whatever a .gitattributes says of line ends and filters.
_RAW = "* -text !eol -filter -ident !working-tree-encoding !diff"


async def rebuild(prepared: Prepared, patch: Path, destination: Path, *, scratch: Path) -> None:
    """Make at `destination`, which does not exist, the files that `patch` says of the pinned commit.

    Equal to the workspace it was taken from, but for what a patch leaves out: `Changes.notes`, caches, ignored files,
    empty folders, line ends that git converts, the agent's repository. `scratch` is removed at the end.
    MachineError when the patch does not apply.
    """
    try:
        await init_borrowed(prepared, scratch, attributes=_RAW)
        if content := await anyio.Path(patch).read_bytes():
            await git("apply", "--cached", "--binary", "--whitespace=nowarn", "-", cwd=scratch, stdin=content)
        await copy(prepared, destination)
        listed = await git("diff", "--cached", "--no-renames", "--name-status", "-z", prepared.commit, cwd=scratch)
        words = listed.split(b"\0")[:-1]
        changed = [(status, name.decode(errors="surrogateescape")) for status, name in zip(words[::2], words[1::2])]  # noqa: B905
        await anyio.to_thread.run_sync(_remove, [path for status, path in changed if status == b"D"], destination)
        await _write([path for status, path in changed if status != b"D"], destination, scratch)
    except GitError as error:
        raise MachineError(
            f"the final files cannot be made again from {patch}: {error}",
            fix="check that the patch is as it was recorded, and the space of the disk",
        ) from error
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, scratch)


def _remove(paths: list[str], destination: Path) -> None:
    """Remove files, and the folders that are empty without them."""
    for path in paths:
        if leads_through_link(path, destination):
            continue
        remove_tree(destination / path)
        for parent in PurePosixPath(path).parents[:-1]:
            folder = destination / parent
            if not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()


async def _write(paths: list[str], destination: Path, scratch: Path) -> None:
    """Write files and links as the index of `scratch` has them."""
    for path in paths:
        await anyio.to_thread.run_sync(clear_place, path, destination)
    listed = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in paths)
    options = (f"--git-dir={scratch}", f"--work-tree={destination}", "-c", "core.bare=false")
    await git(*options, "checkout-index", "--force", "-z", "--stdin", cwd=destination, stdin=listed)
