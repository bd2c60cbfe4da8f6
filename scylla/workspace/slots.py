"""Neutral folders for agents, a few names used again and again."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from scylla.errors import MachineError
from scylla.workspace.removal import remove_tree


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """The folders of one agent. `home` and `temp` are empty and private; `workspace` does not exist yet.

    Whoever holds `lock`, an open descriptor, keeps the slot taken.
    """

    workspace: Path
    home: Path
    temp: Path
    lock: int

    def retire(self, destination: Path) -> None:
        """Move the workspace to `destination` (new, on the same file system) in one step.

        An agent may have removed its workspace or put something else in its place: then an empty folder is moved.
        """
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            if self.workspace.is_symlink() or not self.workspace.is_dir():
                remove_tree(self.workspace)
                self.workspace.mkdir(parents=True)
            # Only a folder that can be written itself gets another parent.
            self.workspace.chmod(0o700)
            self.workspace.rename(destination)
        except OSError as error:
            raise MachineError(
                f"{self.workspace} cannot be moved to {destination}: {error.strerror}",
                fix="keep both on one file system and check its space",
            ) from error


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots below `root`, shared by every program that uses the same `root`."""

    root: Path

    @contextmanager
    def take(self) -> Iterator[Slot]:
        """The free slot of the lowest number, for one user at a time; it is emptied before and after.

        A slot is free again when its user is gone, however that ended.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        number, lock = self._lock()
        try:
            folder = self.root / str(number)
            self._clear(folder)
            try:
                yield _make(folder, lock)
            finally:
                self._clear(folder)
        finally:
            os.close(lock)

    def _lock(self) -> tuple[int, int]:
        for number in count():
            lock = os.open(self.root / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                return number, lock
        raise AssertionError

    def _clear(self, folder: Path) -> None:
        """Rename first: the name is free at once, and what a killed removal left is found by its name."""
        if folder.exists() or folder.is_symlink():
            folder.rename(folder.with_name(f"{folder.name}.left-{secrets.token_hex(8)}"))
        for left in self.root.glob(f"{folder.name}.left-*"):
            remove_tree(left)


def _make(folder: Path, lock: int) -> Slot:
    slot = Slot(workspace=folder / "project", home=folder / "home", temp=folder / "tmp", lock=lock)
    for made in (folder, slot.home, slot.temp):
        made.mkdir(mode=0o700)
    return slot
