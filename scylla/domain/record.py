"""What is kept of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from scylla.domain.outcome import Outcome
from scylla.domain.plan import RunKey
from scylla.domain.score import ItemMark, Score
from scylla.domain.usage import Spend, Tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class CliReport:
    """What the agent CLI said of itself; None for what it did not say. `cost_usd` is its own figure.

    `tools` to `mcp_servers` (each name with its state) are what the session was started with.
    """

    session_id: str | None = None
    result_text: str | None = None
    is_error: bool | None = None
    subtype: str | None = None
    terminal_reason: str | None = None
    api_error_status: int | None = None
    num_turns: int | None = None
    cost_usd: float | None = None
    duration_api_s: float | None = None
    tokens: Tokens | None = None
    cost_by_model_usd: tuple[tuple[str, float], ...] = ()
    structured_output: str | None = None
    cli_version: str | None = None
    model: str | None = None
    tools: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    mcp_servers: tuple[tuple[str, str], ...] = ()
    unknown_events: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One finished try at a run. Times are seconds; `started_at` is ISO 8601 UTC.

    `detail` says in one sentence why it is not a result (empty for results). `setup_digest` is that of the delivered
    set-up. `workspace` is where the final workspace lies until the run is graded, None once it is gone.
    """

    key: RunKey
    number: int
    started_at: str
    duration_s: float
    outcome: Outcome
    detail: str
    exit_code: int | None
    signal: int | None
    spend: Spend
    report: CliReport
    setup_digest: str
    agent_version: str
    workspace: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Grading:
    """The changes of one attempt and all its checks. `marks` follow the rubric's order.

    `patch_digest` is the hex SHA-256 of `changes.patch`; `notes` say what the patch does not show and why.
    """

    key: RunKey
    attempt: int
    marks: tuple[ItemMark, ...]
    duration_s: float
    files_changed: tuple[str, ...] = ()
    patch_digest: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeCall:
    """The name of one call of a judge."""

    key: RunKey
    judge_number: int
    call: int

    @property
    def label(self) -> str:
        """`<run>, judge <n>, call <n>`."""
        return f"{self.key.label}, judge {self.judge_number}, call {self.call}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What the checks of a case say of its untouched workspace."""

    case_id: str
    marks: tuple[ItemMark, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What one judge call gave. Not valid: `marks` is empty and `detail` says why.

    `judge_number` counts from 1 in the order of the judge models; `call` counts the calls of this judge for this run.
    `question_digest` (hex SHA-256) is equal exactly when the same was asked of the same judge; None in old records.
    `reused_from` names the call whose verdict this is: no judge was started then, and the spend is empty.
    """

    key: RunKey
    attempt: int
    judge_number: int
    call: int
    model: str
    is_valid: bool
    detail: str
    marks: tuple[ItemMark, ...]
    started_at: str
    duration_s: float
    spend: Spend
    cli_cost_usd: float | None = None
    question_digest: str | None = None
    reused_from: JudgeCall | None = None

    @property
    def evidence_missing(self) -> int:
        """How many of its items are given with evidence that does not occur in what the judge was shown."""
        return sum(mark.evidence_found is False for mark in self.marks)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """All that is known of one planned run, oldest first.

    `attempts` hold every finished try, `lost_attempts` the number that were claimed and never finished (the runner was
    killed) and `lost_spend` what the gateway metered of them. `ungraded_reason` says why a result could not be graded.
    """

    key: RunKey
    attempts: tuple[Attempt, ...] = ()
    lost_attempts: int = 0
    lost_spend: Spend = field(default_factory=Spend)
    grading: Grading | None = None
    verdicts: tuple[Verdict, ...] = ()
    score: Score | None = None
    ungraded_reason: str = ""

    @property
    def result(self) -> Attempt | None:
        """The attempt that counts: the first with a result, None for a gap."""
        return next((attempt for attempt in self.attempts if attempt.outcome.is_result), None)

    @property
    def valid_verdicts(self) -> tuple[Verdict, ...]:
        """One verdict for each judge that has given a valid one (its first)."""
        first: dict[int, Verdict] = {}
        for verdict in self.verdicts:
            if verdict.is_valid:
                first.setdefault(verdict.judge_number, verdict)
        return tuple(first[number] for number in sorted(first))

    @property
    def agent_spend(self) -> Spend:
        """What the attempt that counts used; empty for a gap."""
        return self.result.spend if self.result else Spend()

    @property
    def judge_spend(self) -> Spend:
        """All judge calls of the run, failed ones included."""
        return sum((verdict.spend for verdict in self.verdicts), Spend())

    @property
    def wasted_spend(self) -> Spend:
        """Attempts that are no result, and lost ones: paid, yet in no average."""
        failed = (attempt.spend for attempt in self.attempts if not attempt.outcome.is_result)
        return sum(failed, self.lost_spend)
