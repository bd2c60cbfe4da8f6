"""How much of the spread between runs is the runs', and how much is the judges'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, variance

Scores = Sequence[Sequence[float]]
"""One run: for each judge model the scores that its repeats make of the run."""


class NoiseSource(str, Enum):
    """What the judges' noise was measured by."""

    REPEATS = "repeats"
    JUDGES = "judges"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """Standard deviations on the scale of scores (0..1); None is not known, and `reason` says why.

    `judge_sd` is that of one verdict on an unchanged run, with `degrees` of freedom. `verdicts_per_run` is the harmonic
    mean. `observed_sd` is that between the runs of a cell (one subtest on one case), as the reports show it;
    `judge_part_sd` what judging contributes to it, `run_sd` what is left for the runs, `judge_share` the share of the
    observed variance that is the judges'.
    """

    source: NoiseSource
    reason: str = ""
    judge_sd: float | None = None
    degrees: int = 0
    verdicts_per_run: float | None = None
    observed_sd: float | None = None
    judge_part_sd: float | None = None
    run_sd: float | None = None
    judge_share: float | None = None


def split_noise(cells: Sequence[Sequence[Scores]]) -> Noise:
    """The split for the cells of one case; each cell holds its runs.

    With repeats of a judge on the same run, the judge's variance is that within (run, model), pooled. Without any, it
    is the residual of the table runs × judges (a judge who is always stricter adds none), which holds the judges' taste
    for particular runs as well and therefore errs on the large side.
    Then observed variance = variance of the runs + judge variance / verdicts of a run; a difference below zero counts
    as zero. Source: S. R. Searle, G. Casella and C. E. McCulloch, Variance Components (1992), 3.5 (one-way, method of
    moments); the residual: P. E. Shrout and J. L. Fleiss, Psychological Bulletin 86 (1979), 420-428.
    """
    runs = [run for cell in cells for run in cell if any(run)]
    observed = _between_runs(cells)
    judge_variance, degrees = pooled_variance([repeats for run in runs for repeats in run])
    source = NoiseSource.REPEATS
    if judge_variance is None:
        judge_variance, degrees = _residual_variance(runs)
        source = NoiseSource.JUDGES
    per_run = len(runs) / math.fsum(1 / sum(map(len, run)) for run in runs) if runs else None
    observed_sd = None if observed is None else math.sqrt(observed)
    if judge_variance is None or per_run is None:
        return Noise(
            source=NoiseSource.NOTHING,
            reason="no run was judged twice",
            verdicts_per_run=per_run,
            observed_sd=observed_sd,
        )
    part = judge_variance / per_run
    return Noise(
        source=source,
        reason="" if observed is not None else "no subtest has two judged runs of the same case",
        judge_sd=math.sqrt(judge_variance),
        degrees=degrees,
        verdicts_per_run=per_run,
        observed_sd=observed_sd,
        judge_part_sd=math.sqrt(part),
        run_sd=None if observed is None else math.sqrt(max(0.0, observed - part)),
        judge_share=None if not observed else min(1.0, part / observed),
    )


def pooled_variance(groups: Sequence[Sequence[float]]) -> tuple[float | None, int]:
    """The variance within groups and its degrees of freedom; None when no group has two values."""
    degrees = sum(len(group) - 1 for group in groups if group)
    if degrees == 0:
        return None, 0
    squares = math.fsum((value - fmean(group)) ** 2 for group in groups if group for value in group)
    return squares / degrees, degrees


def _between_runs(cells: Sequence[Sequence[Scores]]) -> float | None:
    """The mean over cells of the variance of a run's score, which is the mean over its verdicts."""
    means = [[fmean(score for repeats in run for score in repeats) for run in cell if any(run)] for cell in cells]
    variances = [variance(cell) for cell in means if len(cell) > 1]
    return fmean(variances) if variances else None


def _residual_variance(runs: Sequence[Scores]) -> tuple[float | None, int]:
    """The residual of a two-way table over the runs that every judge marked, with its degrees of freedom."""
    table = [[fmean(repeats) for repeats in run] for run in runs if all(run)]
    if len(table) < 2 or len(table[0]) < 2:
        return None, 0
    columns = [fmean(column) for column in zip(*table, strict=True)]
    middle = fmean(columns)
    squares = math.fsum(
        (score - fmean(row) - column + middle) ** 2 for row in table for score, column in zip(row, columns, strict=True)
    )
    degrees = (len(table) - 1) * (len(columns) - 1)
    return squares / degrees, degrees
