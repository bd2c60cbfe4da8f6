"""What planned runs are likely to cost and to take, from runs that were scored before."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

from scylla.domain.plan import RunKey
from scylla.stats.formulas import student_t

_FEWEST = 2
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, kw_only=True, slots=True)
class PastRun:
    """A scored run: agents and judges together in US dollars (None when not known), the agent's seconds, 0..1."""

    key: RunKey
    cost_usd: float | None
    agent_s: float
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Amount:
    """A total with the range that holds it in 95 of 100 cases; `low` and `high` are None when history is too thin."""

    expected: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Of `runs` planned runs. `like_runs` of them have a history of their own case and subtest.

    `cost_usd` is None when a past cost is not known. `smallest_difference` is the difference between two subtests' mean
    scores that the planned number of runs of each would most likely (80 of 100) show; None when history is too thin.
    """

    runs: int
    like_runs: int
    past_runs: int
    cost_usd: Amount | None
    agent_s: Amount
    sd_score: float | None

    def smallest_difference(self, runs_per_subtest: int) -> float | None:
        """The difference between two means of so many runs that a test at the 5 % level shows in 80 of 100 cases.

        (z₀.₉₇₅ + z₀.₈₀) · sd · √(2/n). Source: J. Cohen, Statistical Power Analysis (1988), chapter 2.
        """
        if self.sd_score is None:
            return None
        return (_Z + NormalDist().inv_cdf(0.8)) * self.sd_score * math.sqrt(2 / runs_per_subtest)


def forecast(keys: Sequence[RunKey], past: Sequence[PastRun]) -> Forecast | None:
    """The forecast for the runs `keys`; None without any past run.

    Each planned run is expected to be like the past runs of its case and subtest; where there are fewer than two of
    these, like those of its case and tier, of its case, or like all. The range of a sum of N runs of a group with m
    past ones, standard deviation s, is that of a new sum: s² (N + N²/m), added up over independent groups, with
    Student's t for the smallest. Source: W. Q. Meeker, G. J. Hahn, L. A. Escobar, Statistical Intervals (2017), ch. 4.
    """
    if not past:
        return None
    groups = _groups(past)
    planned = Counter(_nearest(key, groups) for key in keys)
    costs = {level: [run.cost_usd for run in runs if run.cost_usd is not None] for level, runs in groups.items()}
    priced = all(len(costs[level]) == len(groups[level]) for level in planned)
    return Forecast(
        runs=len(keys),
        like_runs=sum(count for level, count in planned.items() if len(level) == 3),
        past_runs=len(past),
        cost_usd=_amount(planned, costs) if priced else None,
        agent_s=_amount(planned, {level: [run.agent_s for run in runs] for level, runs in groups.items()}),
        sd_score=_sd_score(groups),
    )


def _groups(past: Sequence[PastRun]) -> Mapping[tuple[str, ...], list[PastRun]]:
    groups: dict[tuple[str, ...], list[PastRun]] = {}
    for run in past:
        for level in _levels(run.key):
            groups.setdefault(level, []).append(run)
    return groups


def _levels(key: RunKey) -> tuple[tuple[str, ...], ...]:
    """From what is most like the run to all."""
    return (key.case_id, key.tier, key.subtest), (key.case_id, key.tier), (key.case_id,), ()


def _nearest(key: RunKey, groups: Mapping[tuple[str, ...], Sequence[PastRun]]) -> tuple[str, ...]:
    return next((level for level in _levels(key) if len(groups.get(level, ())) >= _FEWEST), ())


def _amount(planned: Mapping[tuple[str, ...], int], values: Mapping[tuple[str, ...], Sequence[float]]) -> Amount:
    expected = math.fsum(count * fmean(values[level]) for level, count in planned.items())
    if any(len(values[level]) < _FEWEST for level in planned):
        return Amount(expected=expected, low=None, high=None)
    degrees = min(len(values[level]) for level in planned) - 1
    spread = student_t(0.95, degrees) * math.sqrt(
        math.fsum(variance(values[level]) * (n + n * n / len(values[level])) for level, n in planned.items())
    )
    return Amount(expected=expected, low=max(0.0, expected - spread), high=expected + spread)


def _sd_score(groups: Mapping[tuple[str, ...], Sequence[PastRun]]) -> float | None:
    """The standard deviation between runs of the same subtest on the same case."""
    known = [
        variance([run.score for run in runs]) for level, runs in groups.items() if len(level) == 3 and len(runs) > 1
    ]
    return math.sqrt(fmean(known)) if known else None
