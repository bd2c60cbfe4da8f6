"""One writer per experiment folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from scylla.errors import StoreError

LOCK_NAME = ".lock"


class FolderLock:
    """An exclusive lock on `.lock`; the system gives it back when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock or raise a StoreError that names the process which holds it."""
        path = folder / LOCK_NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be opened: {error.strerror}", fix="make the experiment folder writable"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            raise self._taken(folder) from error
        except OSError as error:
            self.release()
            raise StoreError(
                f"{path} cannot be locked: {error.strerror}", fix="put the results on a disk that knows file locks"
            ) from error

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _taken(self, folder: Path) -> StoreError:
        written = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
        self.release()
        owner = f" (process {written})" if written.isdigit() else ""
        return StoreError(
            f"{folder} is in use: another run of this experiment is going on{owner}",
            fix="wait until it has ended, stop it, or start an experiment of its own with --fresh",
        )
