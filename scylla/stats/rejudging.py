"""What other judges, another rubric or other instructions change on the same runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.plan import RunKey
from scylla.domain.record import RunRecord
from scylla.domain.rubric import Item
from scylla.domain.score import Score
from scylla.stats.agreement import ranks as ranks_of
from scylla.stats.agreement import spearman
from scylla.stats.bootstrap import Estimate, mean_over_strata

_SAME = 0.005
"""Marks and scores that differ by less are shown with the same two decimals and count as unchanged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunChange:
    """One run, before and after; None where it has no score."""

    key: RunKey
    before: Score | None
    after: Score | None

    @property
    def difference(self) -> float | None:
        """Score after less score before."""
        return None if self.before is None or self.after is None else self.after.score - self.before.score


@dataclass(frozen=True, kw_only=True, slots=True)
class SubtestChange:
    """A subtest over the runs that are scored both times; each case counts once. Rank 1 is the best, ties share one."""

    label: str
    name: str
    runs: int
    mean_before: float
    mean_after: float
    rank_before: float
    rank_after: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemChange:
    """An item over the runs that are scored both times; shares of its points, None where the rubric lacks it.

    `changed_runs` counts those whose mark moved, or that gained or lost one; `difference` is the mean absolute move.
    """

    case_id: str
    item_id: str
    text: str
    runs: int
    mean_before: float | None
    mean_after: float | None
    changed_runs: int | None
    difference: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """Everything that changed. `shift` is the mean of score after less score before, each case counting once.

    `rank_correlation` is Spearman's over the subtests, None below three.
    """

    runs: tuple[RunChange, ...]
    subtests: tuple[SubtestChange, ...]
    items: tuple[ItemChange, ...]
    shift: Estimate | None
    newly_passed: int
    newly_failed: int
    rank_correlation: float | None

    @property
    def compared(self) -> int:
        """How many runs are scored both times."""
        return sum(run.difference is not None for run in self.runs)


def compare_judging(
    before: ExperimentMeta, records: Sequence[RunRecord], after: ExperimentMeta, rejudged: Sequence[RunRecord]
) -> Changes:
    """The runs in `rejudged` against the same runs in `records`."""
    scores = {record.key: record.score for record in records}
    runs = tuple(
        RunChange(key=record.key, before=scores.get(record.key), after=record.score)
        for record in sorted(rejudged, key=lambda record: record.key)
    )
    both = [run for run in runs if run.difference is not None]
    subtests = _subtests(after, both)
    return Changes(
        runs=runs,
        subtests=subtests,
        items=tuple(change for case in after.cases for change in _items(before, after, case.id, both)),
        shift=mean_over_strata(
            [
                [run.difference for run in both if run.key.case_id == case.id and run.difference is not None]
                for case in after.cases
            ]
        ),
        newly_passed=sum(_passed(run.after) and not _passed(run.before) for run in both),
        newly_failed=sum(_passed(run.before) and not _passed(run.after) for run in both),
        rank_correlation=spearman([entry.mean_before for entry in subtests], [entry.mean_after for entry in subtests]),
    )


def _passed(score: Score | None) -> bool:
    return score is not None and score.passed


def _subtests(meta: ExperimentMeta, both: Sequence[RunChange]) -> tuple[SubtestChange, ...]:
    found = []
    for subtest in meta.subtests:
        runs = [run for run in both if f"{run.key.tier}/{run.key.subtest}" == subtest.label]
        if runs:
            found.append(
                (
                    subtest,
                    len(runs),
                    _mean_over_cases([(run.key.case_id, run.before) for run in runs]),
                    _mean_over_cases([(run.key.case_id, run.after) for run in runs]),
                )
            )
    ranks_before = ranks_of([-round(before, 9) for _, _, before, _ in found])
    ranks_after = ranks_of([-round(after, 9) for _, _, _, after in found])
    return tuple(
        SubtestChange(
            label=subtest.label,
            name=subtest.name,
            runs=count,
            mean_before=before,
            mean_after=after,
            rank_before=rank_before,
            rank_after=rank_after,
        )
        for (subtest, count, before, after), rank_before, rank_after in zip(
            found, ranks_before, ranks_after, strict=True
        )
    )


def _mean_over_cases(scores: Sequence[tuple[str, Score | None]]) -> float:
    by_case: dict[str, list[float]] = {}
    for case_id, score in scores:
        if score is not None:
            by_case.setdefault(case_id, []).append(score.score)
    return fmean(fmean(of_case) for of_case in by_case.values())


def _items(before: ExperimentMeta, after: ExperimentMeta, case_id: str, both: Sequence[RunChange]) -> list[ItemChange]:
    """The items that judges decide in either rubric, in the order of the new one."""
    runs = [run for run in both if run.key.case_id == case_id]
    old = {item.id: item for item in before.case(case_id).rubric.items}
    new = {item.id: item for item in after.case(case_id).rubric.items}
    names = dict.fromkeys((*new, *old))
    judged = [name for name in names if any(name in of and of[name].check is None for of in (old, new))]
    return [_item(case_id, runs, old.get(name), new.get(name)) for name in judged]


def _item(case_id: str, runs: Sequence[RunChange], old: Item | None, new: Item | None) -> ItemChange:
    item = new or old
    assert item is not None
    marks = [(_share(run.before, old), _share(run.after, new)) for run in runs]
    moves = [abs(after - before) for before, after in marks if before is not None and after is not None]
    return ItemChange(
        case_id=case_id,
        item_id=item.id,
        text=item.text,
        runs=len(runs),
        mean_before=_known_mean([before for before, _ in marks]),
        mean_after=_known_mean([after for _, after in marks]),
        changed_runs=None if old is None or new is None else sum(_has_moved(*pair) for pair in marks),
        difference=fmean(moves) if moves else None,
    )


def _share(score: Score | None, item: Item | None) -> float | None:
    if score is None or item is None:
        return None
    points = dict(score.points).get(item.id)
    return None if points is None else points / item.points


def _has_moved(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(after - before) > _SAME


def _known_mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
