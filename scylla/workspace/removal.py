"""Remove folders that an agent has left, whatever it did to their modes and depth."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from scylla.errors import MachineError


def remove_tree(path: Path) -> None:
    """Nothing is left at `path`: neither folders without permissions nor trees deeper than a path can name.

    Only the same user's things can be removed; links are removed, never followed. A missing path is fine.
    """
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        else:
            _remove_folder(path)
    except OSError as error:
        raise MachineError(
            f"{path} cannot be removed: {error.strerror} ({os.fsdecode(error.filename or path)})",
            fix=f"remove it by hand: rm -rf {path}",
        ) from error


def _remove_folder(top: Path) -> None:
    """Each folder is moved up to `top` before it is emptied, so that no path grows and nothing recurses."""
    prefix = secrets.token_hex(8)
    waiting = [str(top)]
    emptied = []
    moved = 0
    while waiting:
        folder = waiting.pop()
        emptied.append(folder)
        Path(folder).chmod(0o700)
        with os.scandir(folder) as entries:
            found = list(entries)
        for entry in found:
            if not entry.is_dir(follow_symlinks=False):
                Path(entry.path).unlink()
            elif folder == str(top):
                waiting.append(entry.path)
            else:
                moved += 1
                target = f"{top}/{prefix}-{moved}"
                # A folder can only get another parent while it is writable itself.
                Path(entry.path).chmod(0o700)
                Path(entry.path).rename(target)
                waiting.append(target)
    for folder in reversed(emptied):
        Path(folder).rmdir()
