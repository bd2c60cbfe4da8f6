"""Whether a case can tell a solution from nothing: its checks on both ends of the scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scylla.domain.case import Case
from scylla.domain.rubric import Rubric
from scylla.domain.score import ItemMark, score_run

REFERENCE_LEAST_SCORE = 0.95
"""What the case's own solution must reach, with full points for what judges decide."""

EMPTY_MOST_SCORE = 0.15
"""What the untouched workspace may reach, with no points for what judges decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRange:
    """The score with no points, and with all points, for the items that judges decide."""

    lowest: float
    highest: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorRun:
    """The checks of a case on one end of the scale.

    `marks` holds, for each repeat, a mark of every check item in the rubric's order; `durations_s` pairs each with the
    longest it took. There are none where `fault` (the case's) or `missing` (the machine's) says why.
    """

    marks: tuple[tuple[ItemMark, ...], ...] = ()
    durations_s: tuple[tuple[str, float], ...] = ()
    files_changed: tuple[str, ...] = ()
    fault: str = ""
    missing: str = ""

    @property
    def unsteady(self) -> tuple[str, ...]:
        """The checks whose points differ between repeats."""
        return tuple(marks[0].item_id for marks in zip(*self.marks, strict=True) if len(_points(marks)) > 1)

    def points(self, item_id: str) -> tuple[float, ...]:
        """The different points of a check over the repeats, fewest first; empty when it was not run."""
        return tuple(sorted(_points([mark for marks in self.marks for mark in marks if mark.item_id == item_id])))


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseProof:
    """A case with the checks on its reference (None without one) and on its untouched workspace."""

    case: Case
    reference: AnchorRun | None
    empty: AnchorRun

    @property
    def missing(self) -> str:
        """What this machine lacks to run the checks; empty when they ran."""
        return self.empty.missing or ("" if self.reference is None else self.reference.missing)

    @property
    def reference_range(self) -> ScoreRange | None:
        """The reference's score in the worst of the repeats; None when its checks were not run."""
        ranges = [] if self.reference is None else _ranges(self.reference, self.case.rubric)
        return min(ranges, key=lambda found: found.highest, default=None)

    @property
    def empty_range(self) -> ScoreRange | None:
        """The untouched workspace's score in the best of the repeats; None when its checks were not run."""
        return max(_ranges(self.empty, self.case.rubric), key=lambda found: found.lowest, default=None)

    @property
    def tells_apart(self) -> bool | None:
        """True when checks alone put the reference above the empty solution; None when that is not known."""
        if self.reference_range is None or self.empty_range is None:
            return None
        return self.reference_range.lowest > self.empty_range.lowest

    @property
    def settles(self) -> bool | None:
        """True when the reference stays above the empty solution whatever judges say; None when that is not known."""
        if self.reference_range is None or self.empty_range is None:
            return None
        return self.reference_range.lowest > self.empty_range.highest

    @property
    def idle(self) -> tuple[str, ...]:
        """The checks that give both the same; empty when that is not known."""
        if self.tells_apart is None or self.reference is None:
            return ()
        ids = [item.id for item in self.case.rubric.check_items]
        return tuple(item_id for item_id in ids if self.reference.points(item_id) == self.empty.points(item_id))

    @property
    def failed(self) -> tuple[ItemMark, ...]:
        """The checks that do not give the reference all their points: the worst mark of each."""
        if self.reference is None:
            return ()
        worst = [min(marks, key=_value) for marks in zip(*self.reference.marks, strict=True)]
        maximum = {item.id: item.points for item in self.case.rubric.check_items}
        return tuple(mark for mark in worst if _value(mark) < maximum[mark.item_id])

    @property
    def unearned(self) -> tuple[str, ...]:
        """The checks that give the untouched workspace points."""
        return tuple(item.id for item in self.case.rubric.check_items if any(self.empty.points(item.id)))


def score_range(rubric: Rubric, checks: Sequence[ItemMark]) -> ScoreRange:
    """What the score can be once judges have marked their items."""

    def score(share: float) -> float:
        judged = [ItemMark(item_id=item.id, points=item.points * share, reason="") for item in rubric.judge_items]
        found = score_run(rubric, checks=checks, verdicts=[judged])
        return 0.0 if found is None else found.score

    return ScoreRange(lowest=score(0.0), highest=score(1.0))


def _ranges(run: AnchorRun, rubric: Rubric) -> list[ScoreRange]:
    return [score_range(rubric, marks) for marks in run.marks]


def _points(marks: Sequence[ItemMark]) -> set[float]:
    return {_value(mark) for mark in marks}


def _value(mark: ItemMark) -> float:
    return mark.points or 0.0
