"""A judge's answer is taken exactly or not at all."""

import json

import pytest

from scylla.domain.rubric import Item, Scoring
from scylla.judge.verdict import read_verdict

ITEMS = (
    Item(id="style", text="Readable", points=2.0, scoring=Scoring.SCALED),
    Item(id="docs", text="Documented", points=1.0, scoring=Scoring.BINARY, na_condition="no public function"),
)
GOOD = {"style": {"points": 1.5, "reason": "fine", "evidence": "a.py:1"}, "docs": {"points": 1, "reason": "yes"}}


def read(items):
    return read_verdict(json.dumps({"items": items}), ITEMS)


def test_good_answer():
    reading = read(GOOD)
    assert reading.problem == ""
    assert [(mark.item_id, mark.points, mark.evidence) for mark in reading.marks] == [
        ("style", 1.5, "a.py:1"),
        ("docs", 1.0, ""),
    ]


def test_not_applicable_only_where_the_item_allows_it():
    assert read({**GOOD, "docs": {"not_applicable": True, "points": 0, "reason": "none"}}).marks[1].points is None
    assert read({**GOOD, "style": {"not_applicable": True, "points": 0, "reason": "none"}}).problem


@pytest.mark.parametrize(
    "points", ["1", "true", True, None, -0.1, 2.01, 85, "85%", [1], {"value": 1}, float("nan"), float("inf")]
)
def test_points_are_never_reinterpreted(points):
    reading = read_verdict(json.dumps({"items": {**GOOD, "style": {"points": points, "reason": "r"}}}), ITEMS)
    assert "style" in reading.problem
    assert reading.marks == ()


def test_binary_items_take_all_points_or_none():
    assert "docs" in read({**GOOD, "docs": {"points": 0.5, "reason": "r"}}).problem


@pytest.mark.parametrize(
    "answer",
    [None, "", "no json", "[]", "{}", '{"items": []}', '{"items": {}}', json.dumps({"items": {"style": GOOD["style"]}}),
     json.dumps({"items": {**GOOD, "extra": GOOD["style"]}}), json.dumps({"items": {**GOOD, "docs": "good"}}),
     json.dumps({"items": {**GOOD, "docs": {"points": 1}}})],
)  # fmt: skip
def test_anything_else_is_no_verdict(answer):
    reading = read_verdict(answer, ITEMS)
    assert reading.problem
    assert reading.marks == ()
