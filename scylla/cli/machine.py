"""What this machine offers: the agent CLI, where agents work, what programs they find."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio

import scylla
from scylla.adapters.cli import Adapter, InstalledCli
from scylla.domain.case import Case
from scylla.domain.tier import Setup
from scylla.e2e.environment import missing_programs
from scylla.errors import MachineError
from scylla.executor.process import Captured, run_captured

PROJECT = Path(scylla.__file__).resolve().parents[1]
"""The checkout Scylla runs from."""

INSTALL_SERVERS = "run scripts/install_mcp_servers.sh .tools/mcp"

_READ_ABOVE = ("CLAUDE.md", ".claude/CLAUDE.md", ".claude/rules")
"""What the agent CLI reads of all folders above the one it works in; seen on the wire."""

MANAGED = (Path("/etc/claude-code/managed-settings.json"), Path("/etc/claude-code/CLAUDE.md"))
"""What an administrator gives to every session of the agent CLI on this machine."""

_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_VERSION = re.compile(rb"\d+\.\d+\.\d+")
_PROBE_TIMEOUT_S = 60.0


async def find_cli(adapter: Adapter, env: Mapping[str, str]) -> InstalledCli:
    """The CLI of an adapter on this machine; where it is a part of Scylla, the interpreter that runs it."""
    if adapter.program is None:
        return InstalledCli(binary=Path(sys.executable), version=scylla.__version__, flags=frozenset())
    return await probe_cli(adapter, find_binary(adapter.program, env), env)


def find_binary(program: str, env: Mapping[str, str]) -> Path:
    """The agent CLI: named by SCYLLA_<PROGRAM>, installed by the quick start, or on PATH; in this order."""
    variable = f"SCYLLA_{program.upper()}"
    if named := env.get(variable):
        if not os.access(named, os.X_OK):
            raise MachineError(f"{variable} names {named}, which is no program", fix=f"unset {variable} or correct it")
        return Path(named)
    installed = PROJECT / ".tools" / program / "node_modules" / ".bin" / program
    if os.access(installed, os.X_OK):
        return installed
    found = shutil.which(program, path=env.get("PATH", os.defpath))
    if found is None:
        raise MachineError(
            f"the agent CLI `{program}` is not installed",
            fix=f"run scripts/quickstart.sh, which installs the pinned version, or name one with {variable}=/path",
        )
    return Path(found)


async def probe_cli(adapter: Adapter, binary: Path, env: Mapping[str, str]) -> InstalledCli:
    """Version and options of the installed CLI; MachineError when it does not run or lacks what Scylla needs."""
    answers: dict[str, Captured] = {}

    with tempfile.TemporaryDirectory(prefix="probe-") as home:

        async def ask(flag: str) -> None:
            answers[flag] = await run_captured(
                [str(binary), flag],
                cwd=Path(home),
                env={"HOME": home, "PATH": env.get("PATH", os.defpath), "DISABLE_AUTOUPDATER": "1"},
                timeout_s=_PROBE_TIMEOUT_S,
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "--version")
            tasks.start_soon(ask, "--help")
    version = _VERSION.search(answers["--version"].stdout)
    if version is None:
        said = answers["--version"].error or answers["--version"].stderr.decode(errors="replace")[:300]
        raise MachineError(f"{binary} --version gave no version: {said}", fix="install it anew: scripts/quickstart.sh")
    flags = frozenset(_FLAG.findall(answers["--help"].stdout.decode(errors="replace")))
    if lacking := sorted(adapter.required_flags - flags):
        raise MachineError(
            f"{adapter.program} {version[0].decode()} does not know {', '.join(lacking)}",
            fix="install the pinned version: scripts/quickstart.sh",
        )
    return InstalledCli(binary=binary, version=version[0].decode(), flags=flags)


def servers_folder(env: Mapping[str, str]) -> Path:
    """Where the programs of the MCP servers are: named by SCYLLA_MCP_SERVERS, or below the checkout."""
    named = env.get("SCYLLA_MCP_SERVERS")
    return Path(named) if named else PROJECT / ".tools" / "mcp" / "bin"


def missing_servers(setups: Iterable[Setup], folder: Path, path: str) -> Mapping[str, str]:
    """The MCP servers that some agent is to get and whose program is not there: name → program.

    `folder` stands for `{servers}`; other programs are looked up in `path`.
    """
    lacking: dict[str, str] = {}
    for server in (server for setup in setups for server in setup.mcp_servers):
        program = str(json.loads(server.definition).get("command", "")).replace("{servers}", str(folder))
        if program and "{" not in program and shutil.which(program, path=path) is None:
            lacking[server.name] = program
    return lacking


def search_path(env: Mapping[str, str]) -> str:
    """PATH for agents and checks: the person's own, without Scylla's private environment and tools."""
    private = {Path(sys.prefix) / "bin"} if sys.prefix != sys.base_prefix else set()
    entries = [
        entry
        for entry in env.get("PATH", os.defpath).split(os.pathsep)
        if entry and Path(entry) not in private and not Path(entry).is_relative_to(PROJECT)
    ]
    return os.pathsep.join(entries) or os.defpath


def require_programs(cases: Sequence[Case], env: Mapping[str, str]) -> None:
    """MachineError when a program is missing that the checks of a case need; asked before anything is paid for."""
    missing = [
        f"{case.id}: {who} needs {program}"
        for case in cases
        for who, program in missing_programs(case, search_path(env))
    ]
    if missing:
        raise MachineError(
            f"programs that grading needs are not on the PATH of checks ({'; '.join(missing)})",
            fix="install them; scylla check shows which case names them, in 'requires'",
        )


def network_variables(env: Mapping[str, str]) -> Mapping[str, str]:
    """What git needs to reach a URL as the person does: home, ssh agent, proxies, certificates."""
    names = {"HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE"}
    return {name: value for name, value in env.items() if name in names or name.lower().endswith("_proxy")}


def proxy_for(url: str) -> str | None:
    """The HTTP proxy the environment names for a URL."""
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def work_folder(chosen: Path | None) -> Path:
    """Where agents work; made when it is missing, for this user alone.

    The default has a name that says nothing, lies outside every repository and survives a restart of the machine.
    """
    folder = chosen or Path("/var/tmp") / f"work-{os.getuid()}"  # noqa: S108 - owner and mode are checked below
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise MachineError(
            f"the working folder {folder} cannot be made: {error.strerror}", fix="choose one with --work-dir"
        ) from error
    if owner != os.getuid():
        raise MachineError(f"the working folder {folder} belongs to another user", fix="choose one with --work-dir")
    resolved = folder.resolve()
    for place in (resolved, *resolved.parents):
        if (read := next((place / name for name in _READ_ABOVE if (place / name).exists()), None)) is not None:
            raise MachineError(
                f"every agent that works in {folder} would be given {read}",
                fix="remove it, or choose a folder that does not lie below it with --work-dir",
            )
    return resolved
