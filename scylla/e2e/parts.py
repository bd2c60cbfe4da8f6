"""What an experiment is carried out with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from scylla.adapters.cli import Adapter, InstalledCli
from scylla.domain.plan import Plan, RunKey
from scylla.domain.record import Attempt, RunRecord, Verdict
from scylla.domain.scenario import Role
from scylla.domain.tier import Setup
from scylla.gateway.gateway import Gateway
from scylla.gateway.upstream import Upstream
from scylla.judge.prompt import JUDGE_SYSTEM_PROMPT
from scylla.store.store import Store
from scylla.workspace.prepare import Prepared
from scylla.workspace.slots import Slots


class Progress(Protocol):
    """Told what happens while it happens; must not fail and must not block."""

    def agent_started(self, key: RunKey, attempt: int) -> None:
        """An attempt has been claimed and its agent is being started."""

    def agent_ended(self, attempt: Attempt) -> None:
        """An attempt has been recorded."""

    def grading_started(self, key: RunKey) -> None:
        """The run's changes are being collected and its checks run."""

    def judge_started(self, key: RunKey, model: str) -> None:
        """A judge has been started."""

    def judge_ended(self, verdict: Verdict) -> None:
        """A verdict, valid or not, has been recorded."""

    def waiting(self, key: RunKey, reason: str, delay_s: float) -> None:
        """The run will be tried again after `delay_s`."""

    def run_ended(self, record: RunRecord) -> None:
        """Nothing more will be done for this run now."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def warning(self, text: str) -> None:
        """Something the person has to know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much at once, and how patiently.

    `attempts` bounds the tries of one agent run or judge call in this sitting. The wait before try n is what the
    provider asked for, else `retry_wait_s` doubled n-2 times, never more than `longest_wait_s`.
    `cli_retries` is how often the CLI itself repeats a refused request.
    """

    parallel: int = 4
    attempts: int = 3
    retry_wait_s: float = 10.0
    longest_wait_s: float = 600.0
    cli_retries: int = 10
    judge_timeout_s: float = 900.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Everything a run needs. `upstream` names the provider for a run and a part; `prepared` maps case ids.

    `setups` maps the label of a subtest to its whole set-up; those that inherit are added once their winners are known,
    which are among `candidates` (set-ups by label).
    `servers` is the folder of the installed MCP servers. `judge_adapter` and `judge_cli` judge what `adapter` and `cli`
    did; they are the same unless agents ask no model.

    Final workspaces lie in `ungraded` until their run is scored, copies for checks in `scratch`; both belong to this
    experiment alone.
    """

    plan: Plan
    store: Store
    gateway: Gateway
    upstream: Callable[[RunKey, Role], Upstream]
    login_kind: str
    adapter: Adapter
    cli: InstalledCli
    judge_adapter: Adapter
    judge_cli: InstalledCli
    agent_slots: Slots
    judge_slots: Slots
    ungraded: Path
    scratch: Path
    prepared: Mapping[str, Prepared]
    setups: dict[str, Setup]
    candidates: Mapping[str, Setup]
    search_path: str
    servers: Path | None
    is_root: bool
    limits: Limits
    progress: Progress
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    judge_instructions: str = JUDGE_SYSTEM_PROMPT

    def setup(self, key: RunKey) -> Setup:
        """What the agent of a run gets; KeyError while its winners are not known."""
        return self.setups[key.subtest_label]
