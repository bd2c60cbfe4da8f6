"""Evidence that quotes nothing of what the judge was shown is flagged, and kept."""

import pytest
from judge_samples import CASE, FAILED, added

from scylla.domain.score import ItemMark
from scylla.judge.evidence import look_up
from scylla.judge.prompt import Work, ask_about

LINES = ('print("Hello,  world!")', "def  greet(name): return f'hi {name}'", "x\u200by = 1")
WORK = Work(
    patch=added("src/hello.py", *LINES),
    files=["src/hello.py"],
    checks=[FAILED],
    closing_text="I rewrote the parser.",
)


def found(evidence, points=1.0):
    mark = ItemMark(item_id="style", points=points, reason="r", evidence=evidence)
    (after,) = look_up([mark], ask_about(CASE, WORK))
    assert (after.points, after.reason, after.evidence) == (points, "r", evidence)
    return after.evidence_found


@pytest.mark.parametrize(
    "evidence",
    [
        'print("Hello, world!")',
        '+print("Hello, world!")',
        'src/hello.py:1: print("Hello, world!")',
        "The line `def greet(name)` says it.",
        "def greet(name): ... hi {name}",
        "first\n+def greet(name): return f'hi {name}'",
        "x\\u200by = 1",
        "src/hello.py:2",
        "see hello.py:3",
        "no such file",
        "fails: It runs",
        "“I rewrote the parser.”",
    ],
)
def test_what_was_shown_is_found(evidence):
    assert found(evidence) is True


@pytest.mark.parametrize(
    "evidence",
    [
        'print("Goodbye")',
        "The code is very readable and idiomatic.",
        "src/hello.py:400",
        "src/other.py:1",
        "xhello.py:1",
        "Readable",
        "Write src/tool.py.",
        "It is small.",
        "`no such test`",
        "x",
        "...",
    ],
)
def test_what_was_not_shown_is_flagged(evidence):
    assert found(evidence) is False


def test_absence_needs_no_quotation_but_earns_none_either():
    assert found("absent: a test for empty input", points=0.0) is None
    assert found("Absent: any docstring", points=None) is None
    assert found("absent: nothing unneeded", points=1.0) is False


def test_empty_changes_can_be_quoted():
    mark = ItemMark(item_id="style", points=0.0, reason="r", evidence="no changes")
    assert look_up([mark], ask_about(CASE, Work(patch="")))[0].evidence_found is True
