"""A judge's answer, taken exactly or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scylla.domain.rubric import Item, Scoring
from scylla.domain.score import ItemMark, is_valid_mark


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The marks of an answer, or why it cannot be used (`marks` is then empty)."""

    marks: tuple[ItemMark, ...] = ()
    problem: str = ""


def read_verdict(structured_output: str | None, items: Sequence[Item]) -> Reading:
    """The marks for `items`, all of them, each within its points; anything else makes the whole answer unusable.

    Nothing is reinterpreted: a percentage, points written as text, a missing or an unknown item are problems.
    """
    if structured_output is None:
        return Reading(problem="the judge gave no structured answer")
    try:
        answer = json.loads(structured_output)
    except ValueError:
        return Reading(problem="the judge's answer is not JSON")
    given = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(given, dict):
        return Reading(problem="the judge's answer has no items")
    wanted = {item.id: item for item in items}
    missing, unknown = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    if missing or unknown:
        return Reading(problem=f"the judge left out {missing} and added {unknown}")
    marks = []
    for item in items:
        mark = _mark(item, given[item.id])
        if mark is None:
            return Reading(problem=f"the judge's points for {item.id} are not usable: {given[item.id]!r:.200}")
        marks.append(mark)
    return Reading(marks=tuple(marks))


def _mark(item: Item, given: object) -> ItemMark | None:
    if not isinstance(given, dict) or not isinstance(given.get("reason"), str):
        return None
    points = None if given.get("not_applicable") is True else _points(given)
    mark = ItemMark(item_id=item.id, points=points, reason=given["reason"], evidence=str(given.get("evidence", "")))
    if not is_valid_mark(mark, item):
        return None
    if item.scoring is Scoring.BINARY and points not in (None, 0.0, item.points):
        return None
    return mark


def _points(given: Mapping[str, Any]) -> float:
    points = given.get("points")
    return float(points) if isinstance(points, (int, float)) and not isinstance(points, bool) else float("nan")
