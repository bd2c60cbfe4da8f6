"""How far judges agree: Krippendorff's alpha on plain numbers, and what stands beside it for a pair of judges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from scylla.stats.bootstrap import Resampled, resample

Unit = Sequence[float | None]
"""The marks of one unit (a run), one place for each judge; None where a judge gave none."""

ALL_EQUAL = "undefined: every mark is equal"
NO_PAIRS = "undefined: no run was marked by two judges"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alpha:
    """Krippendorff's alpha, 1 at most; `value` is None where it is undefined and `reason` then says why.

    `units` and `marks` count what could be paired. `interval` comes from resampling units; see `clustered_alpha`.
    """

    value: float | None
    reason: str = ""
    units: int = 0
    marks: int = 0
    interval: Resampled | None = None


class _Moments(NamedTuple):
    """What alpha needs of a unit: marks, their sum and sum of squares, and its own disagreement.

    A tuple, because thousands of resamples add up its columns.
    """

    marks: int
    total: float
    squares: float
    disagreement: float


def krippendorff_alpha(units: Iterable[Unit]) -> Alpha:
    """Alpha with the interval metric; units with fewer than two marks are left out, as its definition demands.

    alpha = 1 - D_o/D_e with D_o = 1/n · Σ_u 1/(m_u - 1) · Σ_{i≠j in u} (v_i - v_j)² and
    D_e = 1/(n (n - 1)) · Σ_{i≠j} (v_i - v_j)², over the n marks of all units with m_u ≥ 2. Both sums are computed as
    twice the number of marks times the sum of squares around their mean, which is the same.
    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), University of Pennsylvania.
    """
    moments = _moments(units)
    value, reason = _alpha([moments])
    return Alpha(value=value, reason=reason, units=len(moments), marks=sum(unit.marks for unit in moments))


def clustered_alpha(strata: Sequence[Iterable[Unit]]) -> Alpha:
    """Alpha over several cases, chance kept inside each: 1 - Σ_c n_c D_o(c) / Σ_c n_c D_e(c), with its interval.

    Marks of different cases are never compared: the disagreement to expect is that between runs of the same case. The
    value is the mean of the cases' alphas, weighted by n_c D_e(c); with one case it is that case's alpha.
    The interval is the percentile bootstrap over runs within cases: units are drawn, not marks, because the marks of
    one run are not independent. Source of the resampling: A. C. Davison and D. V. Hinkley, Bootstrap Methods and their
    Application (1997), 2.4 and 3.8 (clusters are drawn whole, strata are kept).
    """
    moments = [_moments(units) for units in strata]
    value, reason = _alpha(moments)
    return Alpha(
        value=value,
        reason=reason,
        units=sum(len(units) for units in moments),
        marks=sum(unit.marks for units in moments for unit in units),
        interval=None if value is None else resample(moments, lambda drawn: _alpha(drawn)[0]),
    )


def item_alpha(strata: Sequence[Sequence[Mapping[str, Unit]]]) -> Alpha:
    """Alpha over the items of several cases; each run maps its items to their marks.

    Marks of different items are never compared, as in `clustered_alpha` those of different cases are not; for the
    interval runs are drawn with all their items, because marks on the same run are not independent.
    """
    clusters = [
        [{item: moments[0] for item, unit in run.items() if (moments := _moments([unit], centre=0.5))} for run in runs]
        for runs in strata
    ]
    value, reason = _alpha(_by_item(clusters))
    flat = [moments for runs in clusters for run in runs for moments in run.values()]
    return Alpha(
        value=value,
        reason=reason,
        units=len(flat),
        marks=sum(moments.marks for moments in flat),
        interval=None if value is None else resample(clusters, lambda drawn: _alpha(_by_item(drawn))[0]),
    )


def _by_item(strata: Sequence[Sequence[Mapping[str, _Moments]]]) -> list[list[_Moments]]:
    groups: dict[tuple[int, str], list[_Moments]] = {}
    for place, runs in enumerate(strata):
        for run in runs:
            for item, moments in run.items():
                groups.setdefault((place, item), []).append(moments)
    return list(groups.values())


def _moments(units: Iterable[Unit], *, centre: float | None = None) -> list[_Moments]:
    """The units that can be paired, around a centre, by default their mean (alpha stays, rounding errors shrink)."""
    paired = [marks for unit in units if len(marks := [mark for mark in unit if mark is not None]) > 1]
    if centre is None:
        centre = fmean(mark for marks in paired for mark in marks) if paired else 0.0
    return [_moments_of([mark - centre for mark in marks]) for marks in paired]


def _moments_of(marks: Sequence[float]) -> _Moments:
    mean = fmean(marks)
    around = math.fsum((mark - mean) ** 2 for mark in marks)
    return _Moments(
        marks=len(marks),
        total=math.fsum(marks),
        squares=math.fsum(mark * mark for mark in marks),
        disagreement=2 * len(marks) * around / (len(marks) - 1),
    )


def _alpha(strata: Sequence[Sequence[_Moments]]) -> tuple[float | None, str]:
    observed = expected = scale = 0.0
    for units in strata:
        if not units:
            continue
        marks, total, squares, disagreement = map(sum, zip(*units, strict=True))
        observed += disagreement
        expected += 2 * marks * max(0.0, squares - total * total / marks) / (marks - 1)
        scale += squares
    if not any(strata):
        return None, NO_PAIRS
    if expected <= 1e-12 * max(1.0, scale):
        return None, ALL_EQUAL
    return 1 - observed / expected, ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two judges on the runs that both marked. Correlations are None below three runs or without variance.

    `mean_difference` is the first judge less the second, `mean_absolute_difference` without the sign.
    """

    first: str
    second: str
    runs: int
    pearson: float | None
    spearman: float | None
    mean_difference: float | None
    mean_absolute_difference: float | None


def pairs_of(judges: Sequence[str], units: Sequence[Unit]) -> tuple[Pair, ...]:
    """Every pair of judges; the places of a unit are those of `judges`."""
    return tuple(_pair(judges, units, left, right) for left, right in combinations(range(len(judges)), 2))


def _pair(judges: Sequence[str], units: Sequence[Unit], left: int, right: int) -> Pair:
    both = [(a, b) for unit in units if (a := unit[left]) is not None and (b := unit[right]) is not None]
    first, second = [a for a, _ in both], [b for _, b in both]
    return Pair(
        first=judges[left],
        second=judges[right],
        runs=len(both),
        pearson=pearson(first, second),
        spearman=spearman(first, second),
        mean_difference=fmean(a - b for a, b in both) if both else None,
        mean_absolute_difference=fmean(abs(a - b) for a, b in both) if both else None,
    )


def pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The product-moment correlation; None below three pairs or when one side never varies.

    Source: K. Pearson, Proceedings of the Royal Society 58 (1895), 240-242.
    """
    if len(first) < 3 or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    mean_first, mean_second = fmean(first), fmean(second)
    left, right = [value - mean_first for value in first], [value - mean_second for value in second]
    scale = math.sqrt(math.fsum(a * a for a in left)) * math.sqrt(math.fsum(b * b for b in right))
    if scale == 0.0:
        return None
    return max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(left, right, strict=True)) / scale))


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's correlation of the ranks, ties at their mean rank.

    Source: C. Spearman, American Journal of Psychology 15 (1904), 72-101.
    """
    return pearson(ranks(first), ranks(second))


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, 1 for the smallest; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in range(start, end + 1):
            found[order[place]] = (start + end) / 2 + 1
        start = end + 1
    return found


def deviations_from_others(units: Iterable[Unit], place: int) -> list[float]:
    """For each unit that the judge at `place` and another one marked: its mark less the mean mark of the others."""
    found = []
    for unit in units:
        own = unit[place]
        others = [mark for index, mark in enumerate(unit) if index != place and mark is not None]
        if own is not None and others:
            found.append(own - fmean(others))
    return found
