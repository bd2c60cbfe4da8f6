"""Which subtest of a tier is the best, and how good it is without the luck of having been picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.record import RunRecord
from scylla.domain.winner import Winner

MARGIN = 0.05
"""Median scores that are less than this apart count as the same; the fewer tokens then decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    case_id: str
    run_number: int
    score: float
    tokens: int


def unscored_runs(tiers: Sequence[str], records: Sequence[RunRecord]) -> int:
    """How many planned runs of the tiers have no score; while there are any, no winner can be named."""
    return sum(record.key.tier in tiers and record.score is None for record in records)


def pick_winner(tier: str, meta: ExperimentMeta, records: Sequence[RunRecord]) -> Winner:
    """The tier's best subtest by its scored runs; ValueError when the tier has none.

    The highest median score wins (over several cases: the mean of the cases' medians). Of all subtests less than
    `MARGIN` below it the one with the fewest total tokens of an agent's run is taken; of equal ones the one with the
    higher median, then with the higher mean score, then with the lower id.
    """
    runs = _runs_of(tier, records)
    if not runs:
        raise ValueError(f"tier {tier} has no scored run")
    label = _best(runs)
    names = {subtest.label: subtest for subtest in meta.subtests}
    return Winner(
        tier=tier,
        subtest=names[label].id,
        name=names[label].name,
        setup_digest=names[label].setup_digest,
        candidates=len(runs),
        runs=len(runs[label]),
        median_score=_median_score(runs[label]),
        mean_score=_mean_score(runs[label]),
        corrected_score=_corrected_score(runs),
        mean_tokens=_mean_tokens(runs[label]),
    )


def _best(runs: Mapping[str, Sequence[_Run]]) -> str:
    top = max(_median_score(of) for of in runs.values())
    near = {label: of for label, of in runs.items() if round(top - _median_score(of), 9) < MARGIN}
    return min(
        near,
        key=lambda label: (_mean_tokens(near[label]), -_median_score(near[label]), -_mean_score(near[label]), label),
    )


def _corrected_score(runs: Mapping[str, Sequence[_Run]]) -> float | None:
    """What the winner scores on runs that had no say in picking it.

    Each block of runs (those of one run number) is held back once: the winner is picked by the others and scored on the
    block; the mean over blocks. None unless every subtest has the same two or more blocks. Leave-one-out
    cross-validation of the whole choice; source: S. Varma, R. Simon, Bias in error estimation when using
    cross-validation for model selection, BMC Bioinformatics 7:91 (2006).
    """
    blocks = {frozenset(run.run_number for run in of) for of in runs.values()}
    if len(blocks) != 1 or len(next(iter(blocks))) < 2:
        return None
    scores = []
    for block in sorted(next(iter(blocks))):
        kept = {label: [run for run in of if run.run_number != block] for label, of in runs.items()}
        if not all(kept.values()):
            return None
        scores.append(_mean_score([run for run in runs[_best(kept)] if run.run_number == block]))
    return fmean(scores)


def _runs_of(tier: str, records: Sequence[RunRecord]) -> Mapping[str, Sequence[_Run]]:
    runs: dict[str, list[_Run]] = {}
    for record in records:
        if record.key.tier == tier and record.score is not None:
            run = _Run(
                case_id=record.key.case_id,
                run_number=record.key.run_number,
                score=record.score.score,
                tokens=record.agent_spend.tokens.total_tokens,
            )
            runs.setdefault(f"{tier}/{record.key.subtest}", []).append(run)
    return runs


def _by_case(runs: Sequence[_Run]) -> Sequence[Sequence[_Run]]:
    return [[run for run in runs if run.case_id == case_id] for case_id in sorted({run.case_id for run in runs})]


def _median_score(runs: Sequence[_Run]) -> float:
    return fmean(median(run.score for run in of) for of in _by_case(runs))


def _mean_score(runs: Sequence[_Run]) -> float:
    return fmean(fmean(run.score for run in of) for of in _by_case(runs))


def _mean_tokens(runs: Sequence[_Run]) -> float:
    return fmean(fmean(run.tokens for run in of) for of in _by_case(runs))
