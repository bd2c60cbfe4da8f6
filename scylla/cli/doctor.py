"""`scylla doctor`: can this machine run experiments, and what does it lack?"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import anyio
from rich.table import Table

from scylla.adapters.cli import Adapter
from scylla.adapters.registry import ADAPTERS
from scylla.cli.console import open_console, plain
from scylla.cli.credentials import find_login
from scylla.cli.machine import (
    INSTALL_SERVERS,
    MANAGED,
    PROJECT,
    find_cli,
    missing_servers,
    servers_folder,
    work_folder,
)
from scylla.cli.output import print_json, say
from scylla.config.tiers import load_tier
from scylla.errors import EXIT_MACHINE, EXIT_OK, ScyllaError
from scylla.gateway.prices import PriceTable

LEAST_FREE_BYTES = 2 * 2**30

_STYLES = {"ok": "green", "note": "yellow", "missing": "bold red"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the report. `state` is ok, note (works, but read it) or missing (experiments cannot run)."""

    what: str
    state: str
    text: str
    fix: str = ""


def execute(arguments: argparse.Namespace) -> int:
    """0 when experiments can run, 3 when something they need is missing."""
    looks: tuple[Callable[[], Finding], ...] = (
        _python,
        _git,
        *(partial(_agent_cli, adapter) for adapter in ADAPTERS.values() if adapter.program is not None),
        _mcp_servers,
        _login,
        _managed,
        partial(_results, arguments.results_dir),
        partial(_work, arguments.work_dir),
        _container,
        _prices,
    )
    findings = [look() for look in looks]
    missing = [finding for finding in findings if finding.state == "missing"]
    if arguments.json:
        print_json({"ok": not missing, "findings": [asdict(finding) for finding in findings]})
    else:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for _ in range(2):
            table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for finding in findings:
            text = f"{finding.text}\n→ {finding.fix}" if finding.fix else finding.text
            table.add_row(plain(finding.state, style=_STYLES[finding.state]), finding.what, plain(text))
        open_console(sys.stderr).print(table)
        say("Experiments can run." if not missing else f"{len(missing)} thing(s) missing.")
    return EXIT_MACHINE if missing else EXIT_OK


def _python() -> Finding:
    return Finding(what="Python", state="ok", text=f"{platform.python_version()} ({sys.executable})")


def _git() -> Finding:
    found = shutil.which("git")
    if found is None:
        return Finding(what="git", state="missing", text="not installed", fix="install it with your package manager")
    return Finding(what="git", state="ok", text=found)


def _agent_cli(adapter: Adapter) -> Finding:
    what = f"agent CLI ({adapter.name})"
    try:
        cli = anyio.run(find_cli, adapter, os.environ)
    except ScyllaError as error:
        return Finding(what=what, state="missing", text=error.message, fix=error.fix)
    pinned = _pinned_version(adapter)
    text = f"{cli.version} ({cli.binary})"
    if pinned is not None and cli.version != pinned:
        return Finding(what=what, state="note", text=f"{text}; the pinned version is {pinned}")
    return Finding(what=what, state="ok", text=text)


def _mcp_servers() -> Finding:
    folder = servers_folder(os.environ)
    missing = missing_servers([load_tier("T6").subtests[0].setup], folder, os.environ.get("PATH", os.defpath))
    if missing:
        text = f"{', '.join(missing)} not installed; subtests that give them cannot be run (T2/05 to T2/15, T5, T6)"
        return Finding(what="MCP servers", state="note", text=text, fix=INSTALL_SERVERS)
    return Finding(what="MCP servers", state="ok", text=str(folder))


def _managed() -> Finding:
    """Settings for all users of this machine reach every agent, whatever its set-up says."""
    if found := [path for path in MANAGED if path.exists()]:
        text = f"{', '.join(map(str, found))} reach every agent on this machine, beside its set-up"
        return Finding(what="managed settings", state="note", text=text, fix="run experiments in the dev container")
    return Finding(what="managed settings", state="ok", text="none that would reach agents")


def _pinned_version(adapter: Adapter) -> str | None:
    try:
        pin = json.loads((PROJECT / ".devcontainer" / str(adapter.program) / "package.json").read_text())
    except OSError:
        return None
    version: str = next(iter(pin["dependencies"].values()))
    return version


def _login() -> Finding:
    login = find_login(os.environ, Path.home(), datetime.now(timezone.utc))
    if login is None:
        return Finding(
            what="login",
            state="note",
            text="none found: experiments will use the built-in offline model",
            fix="set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN, or log in once with `claude`",
        )
    until = "" if login.expires_at is None else f", until {login.expires_at:%Y-%m-%d %H:%M} UTC"
    return Finding(what="login", state="ok", text=f"{login.source}{until}")


def _results(folder: Path) -> Finding:
    return _disk("results", folder.resolve(), "choose another place with --results-dir, or free some space")


def _work(chosen: Path | None) -> Finding:
    try:
        folder = work_folder(chosen)
    except ScyllaError as error:
        return Finding(what="working folder", state="missing", text=error.message, fix=error.fix)
    return _disk("working folder", folder, "choose another place with --work-dir, or free some space")


def _disk(what: str, folder: Path, fix: str) -> Finding:
    existing = next(parent for parent in (folder, *folder.parents) if os.access(parent, os.F_OK))
    if not existing.is_dir():
        return Finding(what=what, state="missing", text=f"{existing} is no folder", fix=fix)
    if not os.access(existing, os.W_OK | os.X_OK):
        return Finding(what=what, state="missing", text=f"{existing} cannot be written", fix=fix)
    free_bytes = shutil.disk_usage(existing).free
    text = f"{folder}, {free_bytes / 2**30:.1f} GiB free"
    if free_bytes < LEAST_FREE_BYTES:
        return Finding(what=what, state="missing", text=text, fix=fix)
    return Finding(what=what, state="ok", text=text)


def _container() -> Finding:
    if os.environ.get("DEVCONTAINER") == "true":
        return Finding(what="container", state="ok", text="this is the dev container")
    engine = shutil.which("docker") or shutil.which("podman")
    text = f"not in one; engine on this machine: {engine or 'none'}"
    return Finding(what="container", state="ok" if engine else "note", text=text)


def _prices() -> Finding:
    return Finding(what="prices", state="ok", text=f"as of {PriceTable.load().dated}")
