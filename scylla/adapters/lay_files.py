"""Lay the files of a folder over the current folder: new ones are added, others replaced. Nothing is removed.

Started as `python -I -S lay_files.py FOLDER`. What is in the way of a file is replaced, and no link is followed;
compiled Python files are passed over. Only the standard library.
"""

import os
import shutil
import sys
from pathlib import Path


def main() -> None:
    """Lay every file of the folder named on the command line."""
    source = Path(sys.argv[1])
    for parent, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = (Path(parent) / name).relative_to(source)
            _make_room(path)
            shutil.copy(source / path, path)


def _make_room(path: Path) -> None:
    """Real folders lead to the path and nothing is at it."""
    for folder in reversed(path.parents[:-1]):
        if folder.is_symlink() or not folder.is_dir():
            folder.unlink(missing_ok=True)
            folder.mkdir()
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
