"""What an agent said and did, out of a CLI's stream of JSON events, shortened."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

LONGEST_STEP = 4_000
LONGEST_TRAJECTORY = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that happened. `kind` is says, calls or gets; `tool` is the tool's name for a call."""

    kind: str
    text: str
    tool: str = ""


def trajectory(lines: Iterable[bytes]) -> tuple[Step, ...]:
    """The steps in their order, each of at most LONGEST_STEP characters, all of them of LONGEST_TRAJECTORY.

    What does not fit is left out of the middle, with a step that says how much. Lines that are no events are passed
    over.
    """
    beginning: list[Step] = []
    end: deque[Step] = deque()
    room = {"beginning": LONGEST_TRAJECTORY // 2, "end": LONGEST_TRAJECTORY // 2}
    left_out = 0
    for step in _steps(lines):
        if not end and len(step.text) <= room["beginning"]:
            beginning.append(step)
            room["beginning"] -= len(step.text)
            continue
        end.append(step)
        room["end"] -= len(step.text)
        while room["end"] < 0:
            room["end"] += len(end.popleft().text)
            left_out += 1
    gap = [Step(kind="says", text=f"[{left_out} steps are left out here]")] if left_out else []
    return (*beginning, *gap, *end)


def _steps(lines: Iterable[bytes]) -> Iterator[Step]:
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        message = event.get("message") if isinstance(event, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if _type(event) in {"assistant", "user"} and isinstance(content, list):
            yield from (step for block in content if isinstance(block, dict) and (step := _step(block)) is not None)


def _type(event: object) -> object:
    return event.get("type") if isinstance(event, dict) else None


def _step(block: dict[str, Any]) -> Step | None:
    kind = block.get("type")
    if kind == "text" and isinstance(block.get("text"), str):
        return Step(kind="says", text=_cut(block["text"]))
    if kind == "tool_use":
        return Step(kind="calls", tool=str(block.get("name", "")), text=_cut(_as_text(block.get("input"))))
    if kind == "tool_result":
        return Step(kind="gets", text=_cut(_result_text(block.get("content"))))
    return None


def _result_text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(_result_text(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else _as_text(content)


def _as_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= LONGEST_STEP:
        return text
    half = LONGEST_STEP // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters are left out here]\n{text[-half:]}"
