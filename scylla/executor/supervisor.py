"""A small process between the runner and an agent: it ends the agent's whole tree, whatever happens to the runner.

Started as `python -I -S supervisor.py CONTROL_FD STATUS_FD GRACE_S -- ARGV…`. It starts ARGV in a process group of its
own and adopts every orphan of it. When ARGV ends, or when CONTROL_FD reaches its end (the runner closed it, or died),
what is left of the tree is asked to terminate, waited for and killed. STATUS_FD gets one JSON object:
`{"exit_code": int | null, "signal": int | null, "stopped": bool}` or `{"error": str}` when ARGV cannot be started.

Only the standard library, and little of it: this file is run once for every agent and judge.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.02


def main() -> None:
    """Run ARGV and leave nothing of it behind."""
    control_fd, status_fd, grace_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    argv = sys.argv[5:]
    _keep_to_itself()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _adopt_orphans()
    try:
        child = _start(argv)
    except OSError as error:
        _report(status_fd, {"error": f"{argv[0]}: {error.strerror}"})
        return
    wait_status, stopped = _wait(child, control_fd, grace_s)
    _end_tree(grace_s)
    exit_code = os.waitstatus_to_exitcode(wait_status)
    _report(
        status_fd,
        {
            "exit_code": exit_code if exit_code >= 0 else None,
            "signal": -exit_code if exit_code < 0 else None,
            "stopped": stopped,
        },
    )


def _keep_to_itself() -> None:
    """No descriptor but the standard ones goes on to ARGV; those that lock something stay open here until the end."""
    for fd in range(3, 256):
        with contextlib.suppress(OSError):
            os.set_inheritable(fd, False)


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _start(argv: list[str]) -> int:
    """The process id of ARGV, in a group of its own, with default signal handling."""
    return os.posix_spawnp(
        argv[0],
        argv,
        os.environ,
        setpgroup=0,
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ],
    )


def _wait(child: int, control_fd: int, grace_s: float) -> tuple[int, bool]:
    """The wait status of the child and whether it had to be stopped."""
    wake_fd, wake_write_fd = os.pipe()
    os.set_blocking(wake_write_fd, False)
    signal.set_wakeup_fd(wake_write_fd, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    kill_at = None
    while True:
        status = _reap(child)
        if status is not None:
            return status, kill_at is not None
        timeout_s = 1.0 if kill_at is None else max(0.0, kill_at - time.monotonic())
        watched = [wake_fd] if kill_at is not None else [wake_fd, control_fd]
        ready, _, _ = select.select(watched, [], [], timeout_s)
        if wake_fd in ready:
            os.read(wake_fd, 4096)
        if control_fd in ready:
            _signal_group(child, signal.SIGTERM)
            kill_at = time.monotonic() + grace_s
        elif kill_at is not None and time.monotonic() >= kill_at:
            _signal_group(child, signal.SIGKILL)


def _reap(child: int) -> "int | None":
    """Reap everything that has ended; the status of `child` when it was among it."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                found = status
    return found


def _end_tree(grace_s: float) -> None:
    """Terminate what is left below this process, wait, kill."""
    for number, patience_s in ((signal.SIGTERM, min(grace_s, 1.0)), (signal.SIGKILL, 10.0)):
        until = time.monotonic() + patience_s
        while left := _descendants():
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            if time.monotonic() >= until:
                break
            time.sleep(_POLL_S)
            _reap(-1)


def _descendants() -> "list[int]":
    """Every living process below this one (Linux: from /proc; elsewhere none can be listed)."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs more start-up time than this file may take
            if name.isdigit():
                parent = _parent(name)
                if parent is not None:
                    children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    queue = list(children.get(os.getpid(), ()))
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, ()))
    return found


def _parent(pid: str) -> "int | None":
    """The parent of a living process, None when it is gone or only waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[1])


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _report(status_fd: int, status: "dict[str, object]") -> None:
    with contextlib.suppress(OSError):
        os.write(status_fd, json.dumps(status).encode())


if __name__ == "__main__":
    main()
