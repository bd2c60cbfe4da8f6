"""Formulas on plain numbers, each with its source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A 95 % confidence interval, on the scale of what it belongs to."""

    low: float
    high: float


def wilson_interval(passed: float, trials: float, *, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval for a share; None without trials.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if trials == 0:
        return None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = passed / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return Interval(low=max(0.0, (centre - spread) / scale), high=min(1.0, (centre + spread) / scale))


def consistency_of(scores: Sequence[float]) -> float | None:
    """1 − sd/mean, clamped to 0..1; None below two runs or when the mean is 0."""
    if len(scores) < 2 or fmean(scores) == 0:
        return None
    return min(1.0, max(0.0, 1 - stdev(scores) / fmean(scores)))


def student_t(confidence: float, degrees: float) -> float:
    """The half-width of a central interval of Student's t distribution, in standard errors; `degrees` 1 or more.

    Exact for one and two degrees of freedom, else the expansion of Cornish and Fisher, off by less than 0.5 % from
    three degrees on. Source: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions (1964), 26.7.5.
    """
    share = 0.5 + confidence / 2
    if degrees < 2:
        return math.tan(math.pi * (share - 0.5))
    if degrees < 3:
        return (2 * share - 1) * math.sqrt(2 / (4 * share * (1 - share)))
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / degrees**power for power, term in enumerate(terms, 1))
