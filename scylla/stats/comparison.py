"""A person's own set-ups against the first of them: which one is better, by how much, and how sure that is."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, variance

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.record import RunRecord
from scylla.domain.tier import OWN_TIER
from scylla.stats.formulas import Interval, student_t

RESAMPLES = 10_000
SEED = 42
ALPHA = 0.05
FEWEST_RUNS = 5
"""With fewer runs of a set-up on a case neither interval nor p is given: so few say nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A set-up against the first one, over the cases both have scored runs on; each case counts once.

    `difference` is its mean score less that of the first, 0..1; `interval` is at 95 %. `p_value` belongs to the
    question whether there is a difference at all, and is adjusted for the number of set-ups compared.
    `cost_difference_usd` compares what an agent's run costs; None when a price is not known.
    """

    label: str
    name: str
    base_name: str
    cases: int
    runs: int
    base_runs: int
    difference: float
    interval: Interval | None
    p_value: float | None
    cost_difference_usd: float | None

    @property
    def is_shown(self) -> bool:
        """True when the difference is more than chance explains at the 5 % level."""
        return self.p_value is not None and self.p_value < ALPHA


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    """The runs of one case: score and cost of each, with the first set-up and with the other."""

    base: Sequence[tuple[float, float | None]]
    other: Sequence[tuple[float, float | None]]


def compare_setups(meta: ExperimentMeta, records: Sequence[RunRecord]) -> tuple[Comparison, ...]:
    """Each of a person's own set-ups against the first; nothing when there are fewer than two with scored runs.

    The interval is Welch's (B. L. Welch, Biometrika 34, 1947, 28-35), which holds what it promises for few runs too.
    The p-value is that of a permutation test that shuffles set-ups within each case (B. Efron, R. Tibshirani, An
    Introduction to the Bootstrap, 1993, chapter 15), adjusted after Holm (1979). 10,000 arrangements, seed 42.
    """
    own = [subtest for subtest in meta.subtests if subtest.tier == OWN_TIER]
    runs = {subtest.label: _runs_of(subtest.label, records) for subtest in own}
    made = []
    for subtest in own[1:]:
        first = runs[own[0].label]
        pairs = [_Pair(base=first[case], other=of) for case, of in runs[subtest.label].items() if case in first]
        if pairs:
            made.append(_compare(pairs, label=subtest.label, name=subtest.name, base_name=own[0].name))
    return _adjusted(made)


def _compare(pairs: Sequence[_Pair], *, label: str, name: str, base_name: str) -> Comparison:
    enough = all(min(len(pair.base), len(pair.other)) >= FEWEST_RUNS for pair in pairs)
    scores = [([score for score, _ in pair.base], [score for score, _ in pair.other]) for pair in pairs]
    return Comparison(
        label=label,
        name=name,
        base_name=base_name,
        cases=len(pairs),
        runs=sum(len(pair.other) for pair in pairs),
        base_runs=sum(len(pair.base) for pair in pairs),
        difference=_difference(scores),
        interval=_interval(scores) if enough else None,
        p_value=_p_value(scores) if enough else None,
        cost_difference_usd=_cost_difference_usd(pairs),
    )


def _difference(scores: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float:
    # Plain sums: this is done 10,000 times, where the exact ones of `fmean` would only be slow.
    return sum(sum(other) / len(other) - sum(base) / len(base) for base, other in scores) / len(scores)


def _interval(scores: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Interval:
    """Welch's, with the variance of each mean added up over cases and Satterthwaite's degrees of freedom."""
    of_means = [(variance(of) / len(of) / len(scores) ** 2, len(of) - 1) for pair in scores for of in pair]
    squared_error = sum(part for part, _ in of_means)
    difference = _difference(scores)
    if squared_error == 0:
        return Interval(low=difference, high=difference)
    degrees = squared_error**2 / sum(part**2 / degrees for part, degrees in of_means)
    spread = student_t(1 - ALPHA, degrees) * math.sqrt(squared_error)
    return Interval(low=difference - spread, high=difference + spread)


def _p_value(scores: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float:
    """Two-sided; the observed arrangement counts as one of those drawn, so that it is never 0."""
    chance = random.Random(SEED)
    seen = abs(_difference(scores)) - 1e-12
    pooled = [([*base, *other], len(base)) for base, other in scores]
    extreme = 1
    for _ in range(RESAMPLES):
        for values, _count in pooled:
            chance.shuffle(values)
        extreme += abs(_difference([(values[:count], values[count:]) for values, count in pooled])) >= seen
    return extreme / (RESAMPLES + 1)


def _adjusted(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Holm's step-down adjustment, in the order of the comparisons."""
    known = sorted((c for c in comparisons if c.p_value is not None), key=lambda c: c.p_value or 0.0)
    largest = 0.0
    adjusted: dict[str, float] = {}
    for rank, comparison in enumerate(known):
        largest = max(largest, min(1.0, (comparison.p_value or 0.0) * (len(known) - rank)))
        adjusted[comparison.label] = largest
    return tuple(replace(c, p_value=adjusted.get(c.label)) for c in comparisons)


def _cost_difference_usd(pairs: Sequence[_Pair]) -> float | None:
    if any(cost is None for pair in pairs for _, cost in (*pair.base, *pair.other)):
        return None
    return fmean(
        fmean(cost or 0.0 for _, cost in pair.other) - fmean(cost or 0.0 for _, cost in pair.base) for pair in pairs
    )


def _runs_of(label: str, records: Sequence[RunRecord]) -> Mapping[str, list[tuple[float, float | None]]]:
    runs: dict[str, list[tuple[float, float | None]]] = {}
    for record in records:
        if f"{record.key.tier}/{record.key.subtest}" == label and record.score is not None:
            runs.setdefault(record.key.case_id, []).append((record.score.score, record.agent_spend.cost_usd))
    return runs
