"""A judge's answer, taken exactly or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scylla.domain.rubric import Item, Scoring
from scylla.domain.score import ItemMark, is_valid_mark

_KEYS = frozenset({"evidence", "reason", "points", "not_applicable"})
_LARGEST = 1e9  # far above any maximum, and small enough for a float


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The marks of an answer, or why it cannot be used (`marks` is then empty).

    `problem` quotes the answer, for people; `advice` says the same without a word of the answer, for the judge, whose
    words may be those of the material.
    """

    marks: tuple[ItemMark, ...] = ()
    problem: str = ""
    advice: str = ""


def read_verdict(structured_output: str | None, items: Sequence[Item]) -> Reading:
    """The marks for `items`, all of them, each within its points; anything else makes the whole answer unusable.

    Nothing is reinterpreted: a percentage, points or booleans written as text, points above the maximum, a missing or
    an unknown item, a key that was not asked for are problems. All of them are told at once.
    """
    if structured_output is None:
        return _unusable("the judge gave no structured answer", "- Give the structured output; no other text is read.")
    try:
        answer = json.loads(structured_output)
    except (ValueError, RecursionError):
        return _unusable("the judge's answer is not JSON", "- The answer must be one JSON object.")
    given = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(given, dict) or answer.keys() != {"items"}:
        rule = "The answer must be an object whose only key is `items`, an object with every item by its id."
        return _unusable(f"the judge's answer has no items, or more than items: {structured_output[:200]}", f"- {rule}")
    problems, advice = [], []
    wanted = {item.id: item for item in items}
    missing, unknown = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    if missing or unknown:
        problems.append(f"the judge left out {missing} and added {unknown}")
        advice.append(f"- Every one of these items, and no other: {', '.join(wanted)}.")
    for item in items:
        if item.id in given and (rule := _broken_rule(item, given[item.id])):
            problems.append(f"the judge's answer for {item.id} is not usable ({rule}): {given[item.id]!r:.200}")
            advice.append(f"- {item.id}: {rule}.")
    if problems:
        return _unusable("; ".join(problems), "\n".join(advice))
    return Reading(marks=tuple(_mark(item, given[item.id]) for item in items))


def _unusable(problem: str, advice: str) -> Reading:
    return Reading(problem=problem, advice=advice)


def _broken_rule(item: Item, given: object) -> str:
    """What the answer for one item breaks, in words of our own; empty for a good one."""
    if not isinstance(given, dict) or not given.keys() <= _KEYS:
        return f"it must be an object with no other keys than {', '.join(sorted(_KEYS))}"
    for name in ("reason", "evidence"):
        if not isinstance(given.get(name), str) or not given[name].strip():
            return f"{name} must be a text that is not empty"
    if not isinstance(given.get("not_applicable", False), bool):
        return "not_applicable must be true or false"
    return _broken_rule_of_points(item, given)


def _broken_rule_of_points(item: Item, given: Mapping[str, Any]) -> str:
    points = given.get("points")
    if not isinstance(points, (int, float)) or isinstance(points, bool):
        return f"points must be a number from 0 to {item.points:g}"
    if given.get("not_applicable", False):
        if item.na_condition is None:
            return "this item always applies"
        return "" if points == 0 else "an item that does not apply has 0 points"
    if abs(points) > _LARGEST or not is_valid_mark(_mark(item, given), item):
        return f"points must be a number from 0 to {item.points:g}"
    if item.scoring is Scoring.BINARY and points not in (0, item.points):
        return f"points must be 0 or {item.points:g}"
    return ""


def _mark(item: Item, given: Mapping[str, Any]) -> ItemMark:
    points = None if given.get("not_applicable", False) else float(given["points"])
    return ItemMark(item_id=item.id, points=points, reason=given["reason"], evidence=given["evidence"])
