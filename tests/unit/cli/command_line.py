"""Scylla as a program of its own, with an environment that holds nothing but what is named."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CASES = ROOT / "tests" / "fixtures" / "tests"


def scylla(*words, cwd, **env):
    base = {"PATH": os.environ["PATH"], "HOME": str(cwd / "home")}
    return subprocess.run(
        [sys.executable, "-m", "scylla", *map(str, words)],
        cwd=cwd,
        env=base | env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
