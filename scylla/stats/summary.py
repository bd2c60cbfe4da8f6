"""Records → numbers. Each run is counted exactly once; unknown stays unknown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, median, variance

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.outcome import Outcome
from scylla.domain.plan import RunKey
from scylla.domain.record import Attempt, RunRecord, Verdict
from scylla.domain.score import ItemMark, Score, grade_of
from scylla.domain.usage import Spend, Tokens, add_costs
from scylla.stats.comparison import Comparison, compare_setups
from scylla.stats.formulas import Interval, consistency_of, wilson_interval
from scylla.stats.judges import JudgesSummary, summarise_judges


class State(str, Enum):
    """`SCORED` runs are in every average; `UNSCORED` ones wait for a judge, `GAP`s for a result."""

    SCORED = "scored"
    UNSCORED = "unscored"
    GAP = "gap"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """One run in numbers. `reason` says why it is not scored. Durations are seconds, costs US dollars.

    `attempt` is the one that counts, None for a gap. `cli_cost_difference_usd` is the CLI's own figure minus ours.
    """

    key: RunKey
    state: State
    reason: str
    attempt: Attempt | None
    score: Score | None
    attempts: int
    agent: Spend
    judge: Spend
    wasted: Spend
    agent_s: float | None
    checks_s: float | None
    judge_s: float | None
    cli_cost_difference_usd: float | None
    verdicts: tuple[Verdict, ...] = ()
    checks: tuple[ItemMark, ...] = ()

    @property
    def total_cost_usd(self) -> float | None:
        """Agent and judges; what was wasted stands apart."""
        return add_costs((self.agent.cost_usd, self.judge.cost_usd))


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupSummary:
    """The runs of a subtest or a tier. Means are over cases: each case counts once, with the mean of its runs.

    Score statistics and what includes judges are over scored runs, agents' costs and durations over runs with a result.
    `sd_score` and `consistency` are those between runs of the same subtest on the same case. `pass_interval` belongs to
    `pass_rate` and speaks about these cases only. `cases` are those with a scored run; other cases are in no mean of
    scores. `grade` is None when the cases are graded on different scales.
    `cost_of_pass_usd` is None when nothing passes (`cost_of_pass_is_infinite`) or when a cost is unknown.
    """

    label: str
    name: str
    planned: int
    results: int
    scored: int
    unscored: int
    gaps: int
    cases: tuple[str, ...]
    passed: int
    outcomes: tuple[tuple[str, int], ...]
    pass_rate: float | None
    pass_interval: Interval | None
    mean_score: float | None
    median_score: float | None
    sd_score: float | None
    min_score: float | None
    max_score: float | None
    grade: str | None
    consistency: float | None
    mean_agent_cost_usd: float | None
    mean_judge_cost_usd: float | None
    mean_total_cost_usd: float | None
    cost_of_pass_usd: float | None
    cost_of_pass_is_infinite: bool
    mean_agent_s: float | None
    mean_checks_s: float | None
    mean_judge_s: float | None
    tokens: Tokens
    cache_efficiency: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """The whole experiment. Costs are US dollars; `known_cost_usd` is the part whose price is known.

    `cli_cost_difference_usd` is what the agents' CLI reported beyond our own figure, over runs where both are known.
    """

    planned: int
    scored: int
    unscored: int
    gaps: int
    agent: Spend
    judge: Spend
    wasted: Spend
    total_cost_usd: float | None
    known_cost_usd: float
    frontier_cost_of_pass_usd: float | None
    cli_cost_difference_usd: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """All numbers of an experiment."""

    runs: tuple[RunSummary, ...]
    subtests: tuple[GroupSummary, ...]
    tiers: tuple[GroupSummary, ...]
    totals: Totals
    judges: JudgesSummary
    comparisons: tuple[Comparison, ...] = ()


def summarise(meta: ExperimentMeta, records: Sequence[RunRecord]) -> Summary:
    """The numbers of the records, one entry for each planned run, in the order of case, subtest and number."""
    runs = tuple(_run(record, meta) for record in sorted(records, key=lambda record: record.key))
    subtests = tuple(
        _group(subtest.label, subtest.name, [run for run in runs if _label(run.key) == subtest.label], meta)
        for subtest in meta.subtests
    )
    tier_ids = sorted({subtest.tier for subtest in meta.subtests})
    tiers = tuple(_group(tier, "", [run for run in runs if run.key.tier == tier], meta) for tier in tier_ids)
    return Summary(
        runs=runs,
        subtests=subtests,
        tiers=tiers,
        totals=_totals(runs, tiers),
        judges=summarise_judges(meta, records),
        comparisons=compare_setups(meta, records),
    )


def _grade(mean_score: float | None, case_ids: Iterable[str], meta: ExperimentMeta) -> str | None:
    """The grade of a mean score on the scale that its cases share; None when they share none."""
    scales = {meta.case(case_id).rubric.grade_scale for case_id in case_ids}
    return None if mean_score is None or len(scales) != 1 else grade_of(mean_score, scales.pop())


def _run(record: RunRecord, meta: ExperimentMeta) -> RunSummary:
    attempt = record.result
    state = State.GAP if attempt is None else State.UNSCORED if record.score is None else State.SCORED
    return RunSummary(
        key=record.key,
        state=state,
        reason=_reason(record, state, meta),
        attempt=attempt,
        score=record.score,
        attempts=len(record.attempts) + record.lost_attempts,
        agent=record.agent_spend,
        judge=record.judge_spend,
        wasted=record.wasted_spend,
        agent_s=None if attempt is None else attempt.duration_s,
        checks_s=None if record.grading is None else record.grading.duration_s,
        judge_s=math.fsum(verdict.duration_s for verdict in record.verdicts) if record.verdicts else None,
        cli_cost_difference_usd=_difference(attempt),
        verdicts=record.verdicts,
        checks=() if record.grading is None else record.grading.marks,
    )


def _reason(record: RunRecord, state: State, meta: ExperimentMeta) -> str:
    if state is State.SCORED:
        return ""
    if state is State.UNSCORED:
        return _why_unscored(record, meta)
    if record.attempts:
        last = record.attempts[-1]
        outcome = last.outcome.value.replace("_", " ")
        return f"{outcome}: {last.detail}" if last.detail else outcome
    return "its runner was killed" if record.lost_attempts else "not started"


def _why_unscored(record: RunRecord, meta: ExperimentMeta) -> str:
    if record.grading is None:
        return f"not graded: {record.ungraded_reason}" if record.ungraded_reason else "not graded yet"
    answered = {verdict.judge_number for verdict in record.valid_verdicts}
    failed = [verdict for verdict in record.verdicts if verdict.judge_number not in answered]
    if failed:
        return f"no verdict of judge {failed[-1].judge_number} ({failed[-1].model}): {failed[-1].detail}"
    if meta.case(record.key.case_id).rubric.judge_items and len(answered) < len(meta.conditions.judge_models):
        return "not judged yet"
    return "nothing in its rubric applies to it"


def _difference(attempt: Attempt | None) -> float | None:
    if attempt is None or attempt.report.cost_usd is None or attempt.spend.cost_usd is None:
        return None
    return attempt.report.cost_usd - attempt.spend.cost_usd


def _group(label: str, name: str, runs: Sequence[RunSummary], meta: ExperimentMeta) -> GroupSummary:
    scored = [run for run in runs if run.score is not None]
    results = [run for run in runs if run.attempt is not None]
    scores = [run.score.score for run in scored if run.score is not None]
    passed = sum(run.score.passed for run in scored if run.score is not None)
    pass_rate = _over_cases(scored, lambda run: float(run.score is not None and run.score.passed))
    mean_score = _over_cases(scored, lambda run: run.score.score if run.score is not None else None)
    scored_cost_usd = _over_cases(scored, lambda run: run.agent.cost_usd)
    tokens = sum((run.agent.tokens for run in results), Tokens())
    cases = tuple(sorted({run.key.case_id for run in scored}))
    outcomes = Counter(run.attempt.outcome.value for run in results if run.attempt is not None)
    return GroupSummary(
        label=label,
        name=name,
        planned=len(runs),
        results=len(results),
        scored=len(scored),
        unscored=sum(run.state is State.UNSCORED for run in runs),
        gaps=sum(run.state is State.GAP for run in runs),
        cases=cases,
        passed=passed,
        outcomes=tuple((outcome.value, outcomes[outcome.value]) for outcome in Outcome if outcomes[outcome.value]),
        pass_rate=pass_rate,
        pass_interval=_pass_interval(scored, pass_rate),
        mean_score=mean_score,
        median_score=median(scores) if scores else None,
        sd_score=_sd_between_runs(scored),
        min_score=min(scores, default=None),
        max_score=max(scores, default=None),
        grade=_grade(mean_score, cases, meta),
        consistency=_consistency(scored),
        mean_agent_cost_usd=_over_cases(results, lambda run: run.agent.cost_usd),
        mean_judge_cost_usd=_over_cases(scored, lambda run: run.judge.cost_usd),
        mean_total_cost_usd=_over_cases(scored, lambda run: run.total_cost_usd),
        cost_of_pass_usd=scored_cost_usd / pass_rate if scored_cost_usd is not None and pass_rate else None,
        cost_of_pass_is_infinite=pass_rate == 0,
        mean_agent_s=_over_cases(results, lambda run: run.agent_s),
        mean_checks_s=_over_cases(scored, lambda run: run.checks_s or 0.0),
        mean_judge_s=_over_cases(scored, lambda run: run.judge_s or 0.0),
        tokens=tokens,
        cache_efficiency=tokens.cache_efficiency,
    )


def _scores_by_cell(scored: Sequence[RunSummary]) -> list[list[float]]:
    """The scores of each subtest on each case: only these vary by chance alone."""
    cells: dict[tuple[str, str], list[float]] = {}
    for run in scored:
        if run.score is not None:
            cells.setdefault((run.key.case_id, _label(run.key)), []).append(run.score.score)
    return list(cells.values())


def _sd_between_runs(scored: Sequence[RunSummary]) -> float | None:
    """The root of the mean variance within a cell; None when no cell has two runs."""
    variances = [variance(scores) for scores in _scores_by_cell(scored) if len(scores) > 1]
    return math.sqrt(fmean(variances)) if variances else None


def _consistency(scored: Sequence[RunSummary]) -> float | None:
    """The mean over the cells whose consistency is known."""
    known = [value for scores in _scores_by_cell(scored) if (value := consistency_of(scores)) is not None]
    return fmean(known) if known else None


def _pass_interval(scored: Sequence[RunSummary], pass_rate: float | None) -> Interval | None:
    """Wilson's interval around the mean over cases.

    Trials are Kish's effective number, 1 / sum(weight² of a run): the number of runs when all cases have as many.
    Source: L. Kish, Survey Sampling (1965).
    """
    if pass_rate is None:
        return None
    runs_of_case = Counter(run.key.case_id for run in scored)
    trials = len(runs_of_case) ** 2 / math.fsum(1 / runs for runs in runs_of_case.values())
    return wilson_interval(pass_rate * trials, trials)


def _totals(runs: Sequence[RunSummary], tiers: Sequence[GroupSummary]) -> Totals:
    agent, judge, wasted = (
        _sum(spend_of(run) for run in runs) for spend_of in (_agent_spend, _judge_spend, _wasted_spend)
    )
    finite = [tier.cost_of_pass_usd for tier in tiers if tier.cost_of_pass_usd is not None]
    return Totals(
        planned=len(runs),
        scored=sum(run.state is State.SCORED for run in runs),
        unscored=sum(run.state is State.UNSCORED for run in runs),
        gaps=sum(run.state is State.GAP for run in runs),
        agent=agent,
        judge=judge,
        wasted=wasted,
        total_cost_usd=add_costs((agent.cost_usd, judge.cost_usd, wasted.cost_usd)),
        known_cost_usd=math.fsum(_known_costs_usd(runs)),
        frontier_cost_of_pass_usd=min(finite, default=None),
        cli_cost_difference_usd=math.fsum(run.cli_cost_difference_usd or 0.0 for run in runs),
    )


def _known_costs_usd(runs: Sequence[RunSummary]) -> Iterator[float]:
    """Each known cost by itself: in a sum, one unknown would hide those of the same model."""
    for run in runs:
        for spend in (run.agent, run.judge, run.wasted):
            yield from (entry.cost_usd for entry in spend.by_model if entry.cost_usd is not None)


def _agent_spend(run: RunSummary) -> Spend:
    return run.agent


def _judge_spend(run: RunSummary) -> Spend:
    return run.judge


def _wasted_spend(run: RunSummary) -> Spend:
    return run.wasted


def _sum(spends: Iterable[Spend]) -> Spend:
    return sum(spends, Spend())


def _over_cases(runs: Sequence[RunSummary], value_of: Callable[[RunSummary], float | None]) -> float | None:
    """The mean over cases of the mean over a case's runs; None without runs or as soon as one value is unknown."""
    by_case: dict[str, list[float]] = {}
    for run in runs:
        value = value_of(run)
        if value is None:
            return None
        by_case.setdefault(run.key.case_id, []).append(value)
    return fmean(fmean(values) for values in by_case.values()) if by_case else None


def _label(key: RunKey) -> str:
    return f"{key.tier}/{key.subtest}"
