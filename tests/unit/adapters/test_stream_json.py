"""A trajectory is what the agent said and did, in order, within its limits."""

import json
from pathlib import Path

from scylla.adapters.stream_json import LONGEST_STEP, LONGEST_TRAJECTORY, trajectory

RECORDED = Path(__file__).parents[2] / "fixtures" / "claude_code" / "2.1.330" / "success.jsonl"


def event(kind, *blocks):
    return json.dumps({"type": kind, "message": {"content": list(blocks)}}).encode()


def says(text):
    return event("assistant", {"type": "text", "text": text})


def test_a_recorded_session():
    with RECORDED.open("rb") as lines:
        steps = trajectory(lines)
    assert [(step.kind, step.tool) for step in steps] == [("says", ""), ("calls", "Bash"), ("gets", ""), ("says", "")]
    assert "echo hi > hello.txt" in steps[1].text
    assert steps[-1].text == "done"


def test_what_is_no_event_is_passed_over():
    odd = [
        b"",
        b"\xff",
        b"[1]",
        b"null",
        b'{"type": "assistant"}',
        b'{"type": "assistant", "message": {"content": [3]}}',
    ]
    result = event("user", {"type": "tool_result", "content": [{"type": "text", "text": "a"}, {"type": "image"}]})
    assert [step.text for step in trajectory([*odd, says("hi"), b"[" * 100_000, result])] == ["hi", "a\n"]


def test_long_steps_and_long_sessions_are_cut_in_the_middle():
    (step,) = trajectory([says("a" * LONGEST_STEP + "z" * LONGEST_STEP)])
    assert step.text.startswith("aaa")
    assert step.text.endswith("zzz")
    assert "characters are left out" in step.text
    steps = trajectory([says(f"{number} " + "x" * 2000) for number in range(1000)])
    assert sum(len(step.text) for step in steps) < LONGEST_TRAJECTORY + 100
    assert steps[0].text.startswith("0 ")
    assert steps[-1].text.startswith("999 ")
    kept = [step.text.split()[0] for step in steps if "left out" not in step.text]
    (gap,) = [step.text for step in steps if "left out" in step.text]
    assert f"[{1000 - len(kept)} steps" in gap
    assert kept == sorted(kept, key=int)
