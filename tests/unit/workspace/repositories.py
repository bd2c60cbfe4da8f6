"""Real repositories to work with."""

import os
import subprocess
from pathlib import Path

import anyio

from scylla.domain.case import Source, SourceKind
from scylla.workspace.prepare import prepare

SECRET = "a-later-secret-solution"


def git(folder: Path, *arguments: str) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@b"}
    command = ["git", "-c", "init.defaultBranch=main", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout.strip()


def pinned(origin: Path) -> str:
    return git(origin, "rev-parse", "HEAD~1")


def make(source: Source, folder: Path):
    return anyio.run(prepare, source, folder)


def plain(folder: Path) -> Source:
    return Source(kind=SourceKind.FOLDER, location=str(folder), commit=None)
