"""The port that every agent CLI's adapter fills."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from scylla.domain.outcome import Outcome
from scylla.domain.process import Command, Finished, ProviderAnswer
from scylla.domain.record import CliReport
from scylla.domain.tier import Setup


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledCli:
    """The agent CLI found on this machine; `flags` are the options it knows."""

    binary: Path
    version: str
    flags: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CliRequest:
    """One start of an agent CLI, for an agent or a judge.

    `prompt_file` is read as standard input. The files of `setup` lie in `workspace` already, its plug-ins in
    `plugins`; `servers` is the folder of the installed MCP servers. `answer_schema` is a JSON schema the final answer
    must fit, None for free text. `login_kind` is `api_key` or `oauth`, and `placeholder` stands for the login: the
    gateway replaces it. `search_path` becomes PATH. `reference` is the case's own solution, for an adapter that
    `reads_reference` alone.
    """

    cli: InstalledCli
    prompt_file: Path
    workspace: Path
    home: Path
    temp: Path
    search_path: str
    base_url: str
    login_kind: str
    placeholder: str
    model: str
    setup: Setup = field(default_factory=Setup)
    plugins: Path | None = None
    servers: Path | None = None
    reference: Path | None = None
    answer_schema: str | None = None
    max_cost_usd: float | None = None
    max_retries: int = 10
    is_root: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CliResult:
    """How it ended. `detail` is one sentence on anything but a plain finish."""

    outcome: Outcome
    detail: str
    report: CliReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapter:
    """An agent CLI: its name, what it needs, and the two functions.

    `required_flags` must be known to the installed CLI; `default_model` is taken when the user names none.
    `read_result` gets the process's end, its standard output line by line, the end of its standard error and the
    provider's last answer. `undelivered` says what of a set-up did not reach the session that the CLI reports on, in
    words; nothing when the CLI did not say what it started with.

    An adapter without a `program` is a part of Scylla that asks no model: it needs neither CLI nor login, costs
    nothing and cannot judge.
    """

    name: str
    program: str | None
    default_model: str
    required_flags: frozenset[str]
    command: Callable[[CliRequest], Command]
    read_result: Callable[[Finished, Iterable[bytes], str, ProviderAnswer | None], CliResult]
    undelivered: Callable[[Setup, CliReport], tuple[str, ...]]
    reads_reference: bool = False
