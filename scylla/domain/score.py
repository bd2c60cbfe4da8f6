"""From checks and verdicts to score, grade and passed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scylla.domain.rubric import Category, Item, Rubric


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemMark:
    """What one check or one judge gave an item. `points` is None when the item does not apply.

    `evidence_found` says whether the evidence of a judge occurs in what it was shown; None where that is not asked.
    `points_before` is what a check gives the untouched workspace, None where that is not known.
    """

    item_id: str
    points: float | None
    reason: str
    evidence: str = ""
    evidence_found: bool | None = None
    points_before: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryScore:
    """`score` is sum(points)/sum(maximum) over applicable items, 0..1; None when none applies."""

    name: str
    weight: float
    score: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """The computed end of grading. `points` maps each item to its mean points, None where it does not apply."""

    score: float
    grade: str
    passed: bool
    categories: tuple[CategoryScore, ...]
    points: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemSpread:
    """The points of several judges for one item of one run.

    `judges` counts those that marked it, `not_applicable` those of them that set it aside. The numbers are over the
    rest, in points (of `maximum`): None without any, `sd` (n - 1) None with fewer than two.
    """

    item_id: str
    maximum: float
    judges: int
    not_applicable: int
    mean: float | None
    min: float | None
    max: float | None
    sd: float | None


def score_run(rubric: Rubric, *, checks: Sequence[ItemMark], verdicts: Sequence[Sequence[ItemMark]]) -> Score | None:
    """The score of a run, or None (unscored) while an item lacks a mark.

    `verdicts` holds the marks of each valid judge. An item's points are the mean over the judges that gave points; it
    does not apply when it has an `na_condition` and more than half of the judges say so; in a tie it applies. A
    category scores sum(points)/sum(maximum) over its applicable items; the run scores the weighted mean over categories
    that have any. A run to which nothing applies is unscored.
    """
    marks = _marks_by_item(checks, verdicts)
    if not all(_is_decided(item, marks.get(item.id, ())) for item in rubric.items):
        return None
    points = {item.id: _mean_points(item, marks[item.id]) for item in rubric.items}
    categories = tuple(_score_category(category, points) for category in rubric.categories)
    score = _weighted_mean(categories)
    if score is None:
        return None
    return Score(
        score=score,
        grade=grade_of(score, rubric.grade_scale),
        passed=_reaches(score, rubric.pass_threshold),
        categories=categories,
        points=tuple((item.id, points[item.id]) for item in rubric.items),
    )


def item_spread(verdicts: Sequence[Sequence[ItemMark]], rubric: Rubric) -> tuple[ItemSpread, ...]:
    """How far the judges of one run are apart on each item that judges decide, in the order of the rubric.

    `verdicts` holds the marks of each valid judge.
    """
    marks = _marks_by_item((), verdicts)
    return tuple(_spread(item, marks.get(item.id, ())) for item in rubric.judge_items)


def grade_of(score: float, scale: Sequence[tuple[str, float]]) -> str:
    """The first grade of `scale` (highest first) whose lowest score is reached."""
    for grade, lowest in scale:
        if _reaches(score, lowest):
            return grade
    return scale[-1][0]


def is_valid_mark(mark: ItemMark, item: Item) -> bool:
    """True when the points are a number from 0 to the item's maximum, or None where the item may not apply."""
    if mark.points is None:
        return item.na_condition is not None
    return math.isfinite(mark.points) and 0.0 <= mark.points <= item.points


def _marks_by_item(
    checks: Sequence[ItemMark], verdicts: Sequence[Sequence[ItemMark]]
) -> Mapping[str, Sequence[ItemMark]]:
    marks: dict[str, list[ItemMark]] = {}
    for mark in (*checks, *(mark for verdict in verdicts for mark in verdict)):
        marks.setdefault(mark.item_id, []).append(mark)
    return marks


def _is_decided(item: Item, marks: Sequence[ItemMark]) -> bool:
    """True when somebody marked it, and not only as not applicable where it always applies."""
    return any(mark.points is not None or item.na_condition is not None for mark in marks)


def _mean_points(item: Item, marks: Sequence[ItemMark]) -> float | None:
    given = [mark.points for mark in marks if mark.points is not None]
    if item.na_condition is not None and 2 * len(given) < len(marks):
        return None
    return fmean(given)


def _spread(item: Item, marks: Sequence[ItemMark]) -> ItemSpread:
    given = [mark.points for mark in marks if mark.points is not None]
    return ItemSpread(
        item_id=item.id,
        maximum=item.points,
        judges=len(marks),
        not_applicable=len(marks) - len(given),
        mean=fmean(given) if given else None,
        min=min(given, default=None),
        max=max(given, default=None),
        sd=stdev(given) if len(given) > 1 else None,
    )


def _score_category(category: Category, points: Mapping[str, float | None]) -> CategoryScore:
    applicable = [(item, points[item.id]) for item in category.items if points[item.id] is not None]
    maximum = math.fsum(item.points for item, _ in applicable)
    achieved = math.fsum(value for _, value in applicable if value is not None)
    share = achieved / maximum if maximum > 0 else None
    return CategoryScore(name=category.name, weight=category.weight, score=share)


def _weighted_mean(categories: Sequence[CategoryScore]) -> float | None:
    scored = [(category.weight, category.score) for category in categories if category.score is not None]
    total_weight = math.fsum(weight for weight, _ in scored)
    if total_weight <= 0:
        return None
    return min(1.0, math.fsum(weight * score for weight, score in scored) / total_weight)


def _reaches(score: float, threshold: float) -> bool:
    """`score >= threshold`, forgiving the last bits of a sum of decimals."""
    return score >= threshold or math.isclose(score, threshold, rel_tol=1e-9, abs_tol=1e-12)
