"""Progress on the terminal: a live picture where there is one, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scylla.cli.output import money, printable, span
from scylla.domain.outcome import Outcome
from scylla.domain.plan import RunKey
from scylla.domain.record import Attempt, RunRecord, Verdict
from scylla.domain.usage import add_costs

_ROWS = 12


@dataclass(kw_only=True)
class _Active:
    stage: str
    since: float


@dataclass(kw_only=True)
class TerminalProgress:
    """Fills the experiment's progress port. `total` and `done` count planned runs; `verbose` adds a line per step.

    `mode` says in a word or two who answers. `cost_usd` says what this sitting has cost so far. `judges_only`: agents
    were paid for in another experiment.

    Use as a context manager around the work. Nothing is drawn when `quiet`.
    """

    console: Console
    total: int
    done: int
    mode: str
    cost_usd: Callable[[], float | None]
    verbose: bool = False
    quiet: bool = False
    judges_only: bool = False
    _active: dict[RunKey, _Active] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _done_before: int = 0
    _live: Live | None = None

    def __enter__(self) -> TerminalProgress:
        self._done_before = self.done
        self._started = time.monotonic()
        if self.console.is_terminal and not self.quiet:
            self._live = Live(console=self.console, get_renderable=self._picture, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def agent_started(self, key: RunKey, attempt: int) -> None:
        """An attempt has been claimed and its agent is being started."""
        self._enter(key, "agent" if attempt == 1 else f"agent, attempt {attempt}")
        self._step(f"{key.label}: agent started (attempt {attempt})")

    def agent_ended(self, attempt: Attempt) -> None:
        """An attempt has been recorded."""
        text = f"{attempt.key.label}: agent {attempt.outcome.value} after {span(attempt.duration_s)}"
        text += f", {money(attempt.spend.cost_usd)}"
        text += f". {attempt.detail}" if attempt.detail else ""
        self._step(text, important=attempt.outcome is not Outcome.FINISHED)

    def grading_started(self, key: RunKey) -> None:
        """The run's changes are being collected and its checks run."""
        self._enter(key, "checks")

    def judge_started(self, key: RunKey, model: str) -> None:
        """A judge has been started."""
        self._enter(key, f"judge {model}")
        self._step(f"{key.label}: judge {model} started")

    def judge_ended(self, verdict: Verdict) -> None:
        """A verdict, valid or not, has been recorded."""
        if verdict.reused_from is not None:
            self._step(
                f"{verdict.key.label}: verdict of {verdict.reused_from.label} ({verdict.model}) on the same work"
            )
            return
        text = f"{verdict.key.label}: judge {verdict.model} done after {span(verdict.duration_s)}"
        text += f", {money(verdict.spend.cost_usd)}"
        text += "" if verdict.is_valid else f". No verdict: {verdict.detail}"
        self._step(text, important=not verdict.is_valid)

    def waiting(self, key: RunKey, reason: str, delay_s: float) -> None:
        """The run will be tried again after `delay_s`."""
        self._enter(key, f"waiting {span(delay_s)}")
        self._step(f"{key.label}: trying again in {span(delay_s)}. {reason}", important=True)

    def run_ended(self, record: RunRecord) -> None:
        """Nothing more will be done for this run now."""
        self._active.pop(record.key, None)
        if record.score is None:
            return
        self.done += 1
        mark = "passed" if record.score.passed else "failed"
        line = f"[{self.done}/{self.total}] {record.key.label}: {record.score.grade} {record.score.score:.2f} {mark}"
        agent_cost_usd = 0.0 if self.judges_only else record.agent_spend.cost_usd
        cost_usd = add_costs((agent_cost_usd, record.judge_spend.cost_usd))
        self._print(f"{line}, {money(cost_usd)}")

    def note(self, text: str) -> None:
        """Something worth a line."""
        self._step(text)

    def warning(self, text: str) -> None:
        """Something the person has to know."""
        self._step(text, important=True)

    def remark(self, text: str) -> None:
        """A line in every mode but the quiet one."""
        self._print(text)

    def _enter(self, key: RunKey, stage: str) -> None:
        self._active[key] = _Active(stage=stage, since=time.monotonic())

    def _step(self, text: str, *, important: bool = False) -> None:
        if self.verbose or important:
            self._print(text)

    def _print(self, text: str) -> None:
        if not self.quiet:
            self.console.print(Text(printable(text)), soft_wrap=True)

    def _picture(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        now = time.monotonic()
        active = sorted(self._active.items(), key=lambda entry: entry[1].since)
        for key, entry in active[:_ROWS]:
            table.add_row(key.label, entry.stage, span(now - entry.since))
        if len(active) > _ROWS:
            table.add_row(f"and {len(active) - _ROWS} more", "", "")
        return Group(table, Text(self._summary(now), style="bold"))

    def _summary(self, now: float) -> str:
        finished = self.done - self._done_before
        left = self.total - self.done
        parts = [f"{self.done} of {self.total} runs done", f"{money(self.cost_usd())} so far"]
        if finished and left:
            parts.append(f"about {span((now - self._started) / finished * left)} left")
        parts.append(self.mode)
        return " · ".join(parts)
