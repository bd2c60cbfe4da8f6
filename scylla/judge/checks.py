"""A check's condition against what its command left."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from scylla.domain.rubric import Check, FileMatch, Item, TextMatch
from scylla.domain.score import ItemMark

OUTPUT_LIMIT_BYTES = 2**20
"""How much of a command's output or of a file is compared; more than that is read no further."""


def decide(
    item: Item, check: Check, *, exit_code: int | None, timed_out: bool, stdout: bytes, stderr: bytes, folder: Path
) -> ItemMark:
    """All points when every condition holds, none otherwise; the reason names the first that does not."""
    reason = (
        f"the command was stopped after {check.timeout_s:g} s"
        if timed_out
        else _first_failure(check, exit_code, stdout, stderr, folder)
    )
    return ItemMark(
        item_id=item.id,
        points=0.0 if reason else item.points,
        reason=reason or "all conditions hold",
        evidence=_tail(stdout, stderr),
    )


def _first_failure(check: Check, exit_code: int | None, stdout: bytes, stderr: bytes, folder: Path) -> str:
    if check.exit_code is not None and exit_code != check.exit_code:
        return f"exit code {exit_code} instead of {check.exit_code}"
    for name, condition, output in (("stdout", check.stdout, stdout), ("stderr", check.stderr, stderr)):
        if condition is not None and (failure := text_failure(condition, _decode(output))):
            return f"{name} {failure}"
    for file in check.files:
        if failure := _file_failure(file, folder):
            return f"{file.path} {failure}"
    return ""


def text_failure(condition: TextMatch, text: str) -> str:
    """What the text lacks, in words; empty when every condition holds."""
    asked: tuple[tuple[str | None, Callable[[str], bool], str], ...] = (
        (condition.equals, lambda wanted: text == wanted, "is not exactly"),
        (condition.contains, lambda wanted: wanted in text, "does not contain"),
        (condition.pattern, lambda wanted: re.search(wanted, text) is not None, "does not match"),
    )
    for wanted, holds, failure in asked:
        if wanted is not None and not holds(wanted):
            return f"{failure} {wanted!r}: {text[:200]!r}"
    return ""


def _file_failure(condition: FileMatch, folder: Path) -> str:
    try:
        return _look_at(condition, folder)
    except (OSError, RuntimeError) as error:  # a loop of links, no permission, a name that is too long
        return f"cannot be read ({error})"


def _look_at(condition: FileMatch, folder: Path) -> str:
    path = folder / condition.path
    if not path.resolve().is_relative_to(folder.resolve()):
        return "is a link out of the workspace"
    if path.exists() != condition.exists:
        return "does not exist" if condition.exists else "exists"
    if condition.text is None or not condition.exists:
        return ""
    if not path.is_file():
        return "is no regular file"
    with path.open("rb") as file:
        return text_failure(condition.text, _decode(file.read(OUTPUT_LIMIT_BYTES)))


def _decode(output: bytes) -> str:
    return output[:OUTPUT_LIMIT_BYTES].decode(errors="replace")


def _tail(stdout: bytes, stderr: bytes) -> str:
    parts = [f"{name}: {_decode(output)[-400:]}" for name, output in (("stdout", stdout), ("stderr", stderr)) if output]
    return "\n".join(parts)
