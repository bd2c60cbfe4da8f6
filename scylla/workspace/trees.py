"""Copy a folder as it stands."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import AnyStr

_PART_BYTES = 2**20
_MACHINE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE})


def copy_tree(source: Path, destination: Path, *, leave_out: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Copy files, links (as links), modes and times; the paths that could not be read are returned.

    No inode is shared. Special files (fifo, socket, device) and entries named in `leave_out` are left out at any depth.
    `destination` may exist as an empty folder; its folders can always be written by their owner.
    """
    unreadable: list[str] = []
    waiting = [(str(source), str(destination))]
    destination.mkdir(parents=True, exist_ok=True)
    while waiting:
        folder, target = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = [entry for entry in entries if entry.name not in leave_out]
        except OSError:
            unreadable.append(os.path.relpath(folder, source))
            continue
        for entry in found:
            copied = f"{target}/{entry.name}"
            try:
                if entry.is_dir(follow_symlinks=False):
                    _make_folder(entry, copied)
                    waiting.append((entry.path, copied))
                else:
                    _copy_file(entry, copied)
            except OSError as error:
                # A full disk is the machine's fault and must not pass for a file that nobody may read.
                if error.filename not in {entry.path, copied} or error.errno in _MACHINE_ERRORS:
                    raise
                unreadable.append(os.path.relpath(entry.path, source))
    return tuple(sorted(unreadable))


def _make_folder(entry: os.DirEntry[str], copied: str) -> None:
    mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
    Path(copied).mkdir()
    Path(copied).chmod(mode & 0o777 | 0o700)


def _copy_file(entry: os.DirEntry[str], copied: str) -> None:
    found = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(entry.path), copied)  # noqa: PTH115, PTH211 (Path would tidy the text of the link)
    elif stat.S_ISREG(found.st_mode):
        _copy_content(entry.path, copied, found)
        Path(copied).chmod(stat.S_IMODE(found.st_mode) & 0o777)
        os.utime(copied, ns=(found.st_atime_ns, found.st_mtime_ns))


def _copy_content(source: str, copied: str, found: os.stat_result) -> None:
    """Holes stay holes: a file of a few blocks must not fill the disk when it is copied."""
    if found.st_blocks * 512 >= found.st_size or not hasattr(os, "SEEK_DATA"):
        shutil.copyfile(source, copied, follow_symlinks=False)
        return
    with Path(source).open("rb") as original, Path(copied).open("wb") as copy:
        copy.truncate(found.st_size)
        end = 0
        while end < found.st_size:
            try:
                start = os.lseek(original.fileno(), end, os.SEEK_DATA)
            except OSError:  # nothing but a hole up to the end
                return
            end = os.lseek(original.fileno(), start, os.SEEK_HOLE)
            original.seek(start)
            copy.seek(start)
            while start < end and (part := original.read(min(_PART_BYTES, end - start))):
                copy.write(part)
                start += len(part)


def walk(
    top: AnyStr, onerror: Callable[[OSError], None] | None = None
) -> Iterator[tuple[AnyStr, list[AnyStr], list[AnyStr]]]:
    """`os.walk` without recursion, which that of Python 3.11 has: an agent's folders may be deeper than the stack."""
    waiting = [top]
    while waiting:
        parent = waiting.pop()
        folders: list[AnyStr] = []
        names: list[AnyStr] = []
        try:
            with os.scandir(parent) as entries:
                for entry in entries:
                    (folders if _is_folder(entry) else names).append(entry.name)
        except OSError as error:
            if onerror is not None:
                onerror(error)
            continue
        yield parent, folders, names
        below = (os.path.join(parent, name) for name in reversed(folders))  # noqa: PTH118 - bytes as well
        waiting += [path for path in below if not os.path.islink(path)]  # noqa: PTH114


def _is_folder(entry: os.DirEntry[AnyStr]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def fingerprint(folder: Path) -> frozenset[tuple[str, int, int, int, int]]:
    """What changes as soon as anything below changes: path, mode, size, inode and time of change of every entry.

    No content is read. The time of change is set by the system and cannot be set back by a program. Below a folder that
    cannot be read nothing is seen; making it so is a change of its own.
    """
    found = set()
    waiting = [str(folder)]
    while waiting:
        for path, status in _entries(waiting.pop()):
            found.add((path, status.st_mode, status.st_size, status.st_ino, status.st_ctime_ns))
            if stat.S_ISDIR(status.st_mode):
                waiting.append(path)
    return frozenset(found)


def _entries(folder: str) -> list[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            return [(entry.path, entry.stat(follow_symlinks=False)) for entry in entries]
    except OSError:
        return []
