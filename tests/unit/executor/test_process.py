"""What `run` promises: output on disk, a whole tree ended, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from scylla.domain.process import Command
from scylla.executor.process import run, run_captured

ENV = {"PATH": os.environ["PATH"]}


def start(tmp_path: Path, script: str, **options):
    command = Command(argv=("/bin/sh", "-c", script), cwd=tmp_path, env=ENV, stdin=options.pop("stdin", None))
    options = {"timeout_s": 20.0, "grace_s": 0.5} | options
    return anyio.run(lambda: run(command, stdout=tmp_path / "out", stderr=tmp_path / "err", **options))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_for(path: Path, *, timeout_s: float = 10.0) -> str:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        time.sleep(0.01)
    raise AssertionError(f"{path} was never written")


def test_output_exit_code_and_environment(tmp_path):
    finished = start(tmp_path, "echo $PWD; env | grep -v PWD | grep -v '^_' >&2; exit 7")
    assert (finished.exit_code, finished.signal, finished.timed_out, finished.error) == (7, None, False, "")
    assert (tmp_path / "out").read_text() == f"{tmp_path}\n"
    seen = {line.split("=")[0] for line in (tmp_path / "err").read_text().splitlines()}
    assert seen <= {"PATH", "SHLVL", "OLDPWD", "LC_CTYPE"}


def test_prompt_on_standard_input(tmp_path):
    (tmp_path / "prompt").write_text("do this\n")
    start(tmp_path, "cat", stdin=tmp_path / "prompt")
    assert (tmp_path / "out").read_text() == "do this\n"


def test_no_input_is_end_of_file(tmp_path):
    assert start(tmp_path, "cat; echo end").exit_code == 0


def test_signal_is_told_apart_from_exit_code(tmp_path):
    finished = start(tmp_path, "kill -SEGV $$")
    assert (finished.exit_code, finished.signal) == (None, signal.SIGSEGV)


def test_command_that_does_not_exist(tmp_path):
    command = Command(argv=("/no/such/program",), cwd=tmp_path, env=ENV)
    finished = anyio.run(lambda: run(command, stdout=tmp_path / "o", stderr=tmp_path / "e", timeout_s=5))
    assert "/no/such/program" in finished.error
    assert finished.exit_code is None


def test_timeout_lets_the_process_end_by_itself_first(tmp_path):
    finished = start(tmp_path, "trap 'echo bye; exit 3' TERM; while :; do sleep .02; done", timeout_s=0.5)
    assert finished.timed_out
    assert finished.exit_code == 3
    assert (tmp_path / "out").read_text() == "bye\n"


def test_timeout_kills_what_does_not_listen(tmp_path):
    finished = start(tmp_path, "trap '' TERM; while :; do sleep .02; done", timeout_s=0.3)
    assert finished.timed_out
    assert finished.signal == signal.SIGKILL


@pytest.mark.parametrize("leave", ["sleep 300 &", "setsid sleep 300 &", "(setsid sh -c 'trap \"\" TERM; sleep 300' &)"])
def test_nothing_of_the_tree_outlives_the_end(tmp_path, leave):
    finished = start(tmp_path, f"{leave}\nsleep .1; pgrep -f 'sleep 300' > pids; exit 0")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert finished.exit_code == 0
    assert pids
    assert not [pid for pid in pids if is_alive(pid) and "300" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_cancellation_ends_the_tree(tmp_path):
    async def scenario() -> None:
        command = Command(argv=("/bin/sh", "-c", "setsid sleep 301 & echo $! > pid; wait"), cwd=tmp_path, env=ENV)
        with anyio.move_on_after(0.7):
            await run(command, stdout=tmp_path / "o", stderr=tmp_path / "e", timeout_s=None, grace_s=0.3)

    anyio.run(scenario)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_killing_the_program_itself_ends_the_tree(tmp_path):
    program = f"""
import anyio, os, pathlib
from scylla.domain.process import Command
from scylla.executor.process import run
command = Command(argv=("/bin/sh", "-c", "(setsid sleep 302 & echo $! > pid); wait; sleep 303"),
                  cwd=pathlib.Path({str(tmp_path)!r}), env=dict(os.environ))
anyio.run(lambda: run(command, stdout=pathlib.Path("o"), stderr=pathlib.Path("e"), timeout_s=None, grace_s=0.2))
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path) as runner:
        pid = int(wait_for(tmp_path / "pid"))
        assert is_alive(pid)
        runner.kill()
    until = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_alive(pid)


def test_captured_output_and_its_time_limit(tmp_path):
    done = anyio.run(lambda: run_captured(["cat"], cwd=tmp_path, env=ENV, stdin=b"x" * 100_000, timeout_s=5))
    assert (done.exit_code, len(done.stdout)) == (0, 100_000)
    late = anyio.run(lambda: run_captured(["sleep", "30"], cwd=tmp_path, env=ENV, timeout_s=0.2))
    assert late.timed_out
    missing = anyio.run(lambda: run_captured(["/no/such"], cwd=tmp_path, env=ENV, timeout_s=5))
    assert "/no/such" in missing.error


def test_output_of_any_size_goes_to_a_file(tmp_path):
    anyio.run(lambda: run_captured(["printf", "abc"], cwd=tmp_path, env=ENV, timeout_s=5, stdout=tmp_path / "f"))
    assert (tmp_path / "f").read_bytes() == b"abc"
