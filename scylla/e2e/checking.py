"""The checks of a rubric, each on the final files as the agent left them."""

from __future__ import annotations

import secrets
from pathlib import Path

import anyio
import anyio.to_thread

from scylla.domain.process import Command
from scylla.domain.rubric import Check, Item, Rubric
from scylla.domain.score import ItemMark
from scylla.e2e.parts import Parts
from scylla.executor.process import run
from scylla.judge.checks import OUTPUT_LIMIT_BYTES, decide
from scylla.workspace.changes import snapshot
from scylla.workspace.removal import remove_tree
from scylla.workspace.trees import fingerprint

_GRACE_S = 1.0


async def run_checks(
    rubric: Rubric, workspace: Path, *, overlay: tuple[str, ...], folder: Path, parts: Parts
) -> tuple[ItemMark, ...]:
    """The marks of all check items, in the rubric's order; their output goes to `folder`.

    No check sees what another one left: they run on a copy of the workspace, without the files of the set-up, and a
    copy that a check has changed in any way is thrown away.
    """
    bench = _Bench(workspace=workspace, overlay=overlay, root=parts.scratch / secrets.token_hex(8))
    marks = []
    try:
        for item in rubric.check_items:
            if item.check is not None:
                await bench.make_ready()
                marks.append(await _run_check(item, item.check, bench, folder / item.id, parts))
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, bench.root)
    return tuple(marks)


class _Bench:
    """A copy of a final workspace, with a home and a folder for temporary files."""

    def __init__(self, *, workspace: Path, overlay: tuple[str, ...], root: Path) -> None:
        self.root = root
        self.project = root / "project"
        self.home = root / "home"
        self.temp = root / "tmp"
        self._workspace = workspace
        self._overlay = overlay
        self._state: object = None

    async def make_ready(self) -> None:
        """Bring it to the state in which the agent left the workspace, home and temporary files empty."""
        if self._state is None or await anyio.to_thread.run_sync(fingerprint, self.project) != self._state:
            await anyio.to_thread.run_sync(remove_tree, self.root)
            await snapshot(self._workspace, self.project)
            for path in self._overlay:
                await anyio.to_thread.run_sync(self._remove, path)
            self._state = await anyio.to_thread.run_sync(fingerprint, self.project)
        for folder in (self.home, self.temp):
            await anyio.to_thread.run_sync(remove_tree, folder)
            folder.mkdir()

    def _remove(self, path: str) -> None:
        """Take a file of the set-up out of the copy; nothing is touched through a link an agent put in its way."""
        target = self.project / path
        parents = list(target.parents)[: len(Path(path).parts) - 1]
        if not any(parent.is_symlink() for parent in parents):
            remove_tree(target)


async def _run_check(item: Item, check: Check, bench: _Bench, folder: Path, parts: Parts) -> ItemMark:
    await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
    command = Command(
        argv=("/bin/sh", "-c", check.run),
        cwd=bench.project,
        env={
            "PATH": parts.search_path,
            "HOME": str(bench.home),
            "TMPDIR": str(bench.temp),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        },
    )
    stdout, stderr = folder / "stdout.txt", folder / "stderr.txt"
    finished = await run(command, stdout=stdout, stderr=stderr, timeout_s=check.timeout_s, grace_s=_GRACE_S)
    return decide(
        item,
        check,
        exit_code=finished.exit_code,
        timed_out=finished.timed_out,
        stdout=_start_of(stdout),
        stderr=_start_of(stderr),
        folder=bench.project,
    )


def _start_of(path: Path) -> bytes:
    """What is compared of an output; no more than that is kept on the disk."""
    with path.open("r+b") as file:
        start = file.read(OUTPUT_LIMIT_BYTES)
        file.truncate(len(start))
    return start
