"""Intervals by drawing the units of each stratum again."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scylla.stats.formulas import Interval

T = TypeVar("T")

SEED = 42
RESAMPLES = 2000
FEWEST_UNITS = 5
"""Below that the percentile bootstrap is far too sure of itself, so that no interval is given."""

_MOST_DRAWS = 2_000_000
_FEWEST_RESAMPLES = 200
_LARGEST_UNDEFINED_SHARE = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Resampled:
    """A 95 % interval, or why there is none. `units` were drawn `resamples` times with `seed`."""

    interval: Interval | None
    reason: str = ""
    units: int = 0
    resamples: int = 0
    seed: int = SEED


def resample(
    strata: Sequence[Sequence[T]], statistic: Callable[[Sequence[Sequence[T]]], float | None], *, seed: int = SEED
) -> Resampled:
    """The 2.5th and the 97.5th percentile of `statistic` over strata whose units are drawn with replacement.

    Very large samples are drawn fewer than RESAMPLES times (200 at least), which costs precision that they do not need.
    No interval when there are fewer than FEWEST_UNITS units, or when more than one draw in twenty leaves the statistic
    undefined. Source: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), 13.3.
    """
    units = sum(len(stratum) for stratum in strata)
    if units < FEWEST_UNITS:
        return Resampled(interval=None, reason=f"too few runs for an interval ({units}; {FEWEST_UNITS} are needed)")
    resamples = max(_FEWEST_RESAMPLES, min(RESAMPLES, _MOST_DRAWS // units))
    chance = random.Random(seed)
    filled = [stratum for stratum in strata if stratum]
    drawn = (statistic([chance.choices(stratum, k=len(stratum)) for stratum in filled]) for _ in range(resamples))
    values = sorted(value for value in drawn if value is not None)
    if resamples - len(values) > _LARGEST_UNDEFINED_SHARE * resamples:
        return Resampled(interval=None, reason="the runs differ too little for an interval", units=units)
    return Resampled(
        interval=Interval(low=percentile(values, 0.025), high=percentile(values, 0.975)),
        units=units,
        resamples=resamples,
        seed=seed,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie, between two of them by linear interpolation."""
    place = share * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A mean with its interval; `units` are those it is the mean of."""

    value: float
    interval: Resampled
    units: int


def mean_over_strata(strata: Sequence[Sequence[float]], *, root: bool = False) -> Estimate | None:
    """The mean of the strata's means (each case counts once) with its interval; None without values.

    With `root` the square root of that mean, for mean squares.
    """
    filled = [stratum for stratum in strata if stratum]
    if not filled:
        return None

    def mean(drawn: Sequence[Sequence[float]]) -> float:
        value = sum(sum(stratum) / len(stratum) for stratum in drawn) / len(drawn)
        return math.sqrt(value) if root else value

    return Estimate(value=mean(filled), interval=resample(filled, mean), units=sum(len(stratum) for stratum in filled))
