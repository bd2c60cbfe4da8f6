"""Run a command: confined to its folder and environment, stopped with its whole tree, its output on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import anyio
import anyio.abc

from scylla.domain.process import Command, Finished
from scylla.errors import MachineError

GRACE_S = 5.0
"""How long a process may take to end after it was asked to, before it is killed."""

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_LATE_S = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Captured:
    """The end of a short command with its output. `exit_code` is None and `error` is set when it did not end itself."""

    exit_code: int | None
    timed_out: bool
    stdout: bytes = b""
    stderr: bytes = b""
    error: str = ""


async def run(
    command: Command, *, stdout: Path, stderr: Path, timeout_s: float | None, grace_s: float = GRACE_S
) -> Finished:
    """Run to the end, to the time limit or to cancellation, with the output written straight to the two files.

    Whatever ends it, no process of its tree is left when this returns: they were asked to terminate, waited for
    (`grace_s`) and killed. The tree ends as well when this very program is killed.
    """
    started = time.monotonic()
    with _pipes() as (control, status):
        process = await _start(command, stdout=stdout, stderr=stderr, fds=(control[0], status[1]), grace_s=grace_s)
        os.close(control.pop(0))
        os.close(status.pop())
        timed_out = False
        try:
            with anyio.fail_after(timeout_s):
                await process.wait()
        except TimeoutError:
            timed_out = True
            with anyio.CancelScope(shield=True):
                await _stop(process, control, grace_s)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _stop(process, control, grace_s)
            raise
        report = _read_report(status[0])
    return Finished(
        exit_code=report.exit_code,
        signal=report.signal,
        timed_out=timed_out,
        duration_s=time.monotonic() - started,
        error=report.error,
    )


async def run_captured(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    stdin: bytes = b"",
    stdout: Path | None = None,
) -> Captured:
    """Run a short command of our own (git, `claude --version`) and return its output, or write it to `stdout`.

    Only for commands that start nothing that outlives them; agents and checks go through `run`.
    """
    with ExitStack() as stack:
        target = subprocess.PIPE if stdout is None else stack.enter_context(stdout.open("wb"))
        try:
            with anyio.fail_after(timeout_s):
                finished = await anyio.run_process(
                    list(argv), cwd=cwd, env=dict(env), input=stdin, stdout=target, check=False, start_new_session=True
                )
        except OSError as error:
            if isinstance(error, TimeoutError):
                return Captured(exit_code=None, timed_out=True, error=f"{argv[0]}: not done after {timeout_s:g} s")
            return Captured(exit_code=None, timed_out=False, error=f"{argv[0]}: {error.strerror}")
    return Captured(
        exit_code=finished.returncode, timed_out=False, stdout=finished.stdout or b"", stderr=finished.stderr
    )


async def _start(
    command: Command, *, stdout: Path, stderr: Path, fds: tuple[int, int], grace_s: float
) -> anyio.abc.Process:
    argv = [
        sys.executable,
        "-I",
        "-S",
        str(_SUPERVISOR),
        str(fds[0]),
        str(fds[1]),
        str(grace_s),
        "--",
        *command.argv,
    ]
    # Plain files, opened for the child alone: its output never passes through this process.
    with (
        _open(command.stdin or Path(os.devnull), "rb") as stdin_file,
        _open(stdout, "wb") as stdout_file,
        _open(stderr, "wb") as stderr_file,
    ):
        try:
            return await anyio.open_process(
                argv,
                cwd=command.cwd,
                env=dict(command.env),
                stdin=stdin_file,
                stdout=stdout_file,
                stderr=stderr_file,
                start_new_session=True,
                pass_fds=(*fds, *command.held),
            )
        except OSError as error:
            raise MachineError(
                f"no process can be started in {command.cwd}: {error.strerror}",
                fix="check memory, disk and process limits (scylla doctor)",
            ) from error


def _open(path: Path, mode: str) -> IO[bytes]:
    return cast("IO[bytes]", path.open(mode))


async def _stop(process: anyio.abc.Process, control: list[int], grace_s: float) -> None:
    """Close the control pipe, which makes the supervisor end the tree; kill the supervisor itself if it is late."""
    os.close(control.pop())
    with anyio.move_on_after(grace_s + _LATE_S) as scope:
        await process.wait()
    if scope.cancelled_caught:
        process.kill()
        await process.wait()


@contextmanager
def _pipes() -> Iterator[tuple[list[int], list[int]]]:
    """Two pipes as [read end, write end]; what is still in the lists is closed at the end."""
    control, status = list(os.pipe()), list(os.pipe())
    try:
        yield control, status
    finally:
        for fd in (*control, *status):
            os.close(fd)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Report:
    exit_code: int | None = None
    signal: int | None = None
    stopped: bool = False
    error: str = ""


def _read_report(status_fd: int) -> _Report:
    written = os.read(status_fd, 65536)
    return _Report(**json.loads(written)) if written else _Report(error="the supervising process was killed")
