"""Git, started with an environment of our own: no configuration of the person or the machine reaches it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from scylla.errors import MachineError
from scylla.executor.process import Captured, run_captured

IDENTITY = ("Developer", "developer@localhost")

_TIMEOUT_S = 600.0
_DATE = "2024-01-01T00:00:00+00:00"
_CONFIGURATION = {
    "advice.detachedHead": "false",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.logAllRefUpdates": "false",
    "core.protectNTFS": "false",
    "core.quotePath": "false",
    "fetch.unpackLimit": "1",
    "gc.auto": "0",
    "init.defaultBranch": "main",
    "maintenance.auto": "false",
    "protocol.file.allow": "always",
    "safe.directory": "*",  # a checkout may belong to another user (a container's, the host's)
}


class GitError(Exception):
    """A git command failed; the message is what it said."""


async def git(
    *arguments: str,
    cwd: Path,
    stdin: bytes = b"",
    stdout: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> bytes:
    """The output of one git command (empty when it goes to the file `stdout`).

    `env` is added to our own environment. GitError when it fails, MachineError when there is no git.
    """
    done = await try_git(*arguments, cwd=cwd, stdin=stdin, stdout=stdout, env=env)
    if done.exit_code != 0:
        said = done.error or done.stderr.decode(errors="replace").strip()
        raise GitError(f"git {arguments[0]}: {said[-600:]}")
    return done.stdout


async def try_git(
    *arguments: str,
    cwd: Path,
    stdin: bytes = b"",
    stdout: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Captured:
    """How one git command ended; its failure is a value."""
    program = shutil.which("git")
    if program is None:
        raise MachineError("git is not installed", fix="install it with your package manager")
    return await run_captured(
        [program, *arguments],
        cwd=cwd,
        env={**(env or {}), **_environment()} | {"HOME": (env or {}).get("HOME", "/nonexistent")},
        timeout_s=_TIMEOUT_S,
        stdin=stdin,
        stdout=stdout,
    )


def _environment() -> Mapping[str, str]:
    env = {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        "GIT_CONFIG_COUNT": str(len(_CONFIGURATION)),
    }
    for number, (key, value) in enumerate(_CONFIGURATION.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": IDENTITY[0], f"GIT_{role}_EMAIL": IDENTITY[1], f"GIT_{role}_DATE": _DATE}
    return env
