"""The case that measures speed counts what a program leaves to processes that it does not wait for."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
CASE = ROOT / "tests/fixtures/tests/test-007"
DETACHED = """
import os, sys
read, write = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        os.dup2(write, 1)
        os.execv(sys.executable, [sys.executable, "-m", "trail.real", *sys.argv[1:]])
    os._exit(0)
os.wait()
os.close(write)
with os.fdopen(read, "rb") as output:
    sys.stdout.buffer.write(output.read())
"""


def test_slow_work_in_a_detached_process_is_not_fast(tmp_path):
    shutil.copytree(CASE / "workspace", tmp_path, dirs_exist_ok=True)
    shutil.copytree(CASE / "hidden", tmp_path, dirs_exist_ok=True)
    (tmp_path / "trail/__main__.py").rename(tmp_path / "trail/real.py")
    (tmp_path / "trail/__main__.py").write_text(DETACHED)
    tool = ROOT / "scylla/e2e/tools/run_unittest.py"
    command = [sys.executable, "-I", tool, "report.xml", "acceptance/wide"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "0 of 3 tests passed" in done.stdout
