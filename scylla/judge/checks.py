"""A check's condition against what its command left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from scylla.domain.rubric import Check, FileMatch, Item, JsonMatch, ReportMatch, Scoring, TextMatch
from scylla.domain.score import ItemMark
from scylla.judge.json_value import json_failure
from scylla.judge.junit import REPORT_LIMIT_BYTES, ReportError, one_line, read_report

OUTPUT_LIMIT_BYTES = 2**20
"""How much of a command's output or of a file is compared; more than that is read no further."""


def decide(
    item: Item, check: Check, *, exit_code: int | None, timed_out: bool, stdout: bytes, stderr: bytes, folder: Path
) -> ItemMark:
    """All points when every condition holds, none otherwise; the reason names the first that does not.

    Where the points are given by share, a test report may give a part of them; every other condition must hold.
    """
    share = 1.0
    reason = (
        f"the command was stopped after {check.timeout_s:g} s"
        if timed_out
        else _first_failure(check, exit_code, stdout, stderr, folder)
    )
    if check.report is not None and not reason:
        share, reason = _report_share(check.report, folder)
        if item.scoring is not Scoring.SCALED and share < 1.0:
            share = 0.0
    elif reason:
        share = 0.0
    return ItemMark(
        item_id=item.id,
        points=item.points * share,
        reason=reason or "all conditions hold",
        evidence=_tail(stdout, stderr),
    )


def state_words(item: Item, mark: ItemMark) -> str:
    """How a check came out, and how it did on the untouched workspace where that is known: `holds (failed before)`."""
    if mark.points is None:
        return "does not apply"
    if not 0.0 < mark.points < item.points:
        now = "holds" if mark.points else "fails"
    else:
        now = f"holds for {mark.points / item.points:.0%}"
    if mark.points_before is None:
        return now
    return f"{now} ({'held' if mark.points_before >= item.points else 'failed'} before)"


def _first_failure(check: Check, exit_code: int | None, stdout: bytes, stderr: bytes, folder: Path) -> str:
    return next(_failures(check, exit_code, stdout, stderr, folder), "")


def _failures(check: Check, exit_code: int | None, stdout: bytes, stderr: bytes, folder: Path) -> Iterator[str]:
    if check.exit_code is not None and exit_code != check.exit_code:
        yield f"exit code {exit_code} instead of {check.exit_code}"
    for name, condition, output in (("stdout", check.stdout, stdout), ("stderr", check.stderr, stderr)):
        if condition is not None and (failure := text_failure(condition, _decode(output))):
            yield f"{name} {failure}"
    for file in check.files:
        if failure := _file_failure(file, folder):
            yield f"{file.path} {failure}"
    for match in check.json:
        if failure := _json_failure(match, {"stdout": stdout, "stderr": stderr}, folder):
            yield f"{match.file or match.stream} {failure}"


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


def _json_failure(condition: JsonMatch, streams: Mapping[str, bytes], folder: Path) -> str:
    if condition.file is None:
        return json_failure(condition, _decode(streams[condition.stream]))
    failure = _file_failure(FileMatch(path=condition.file, text=TextMatch()), folder)
    if failure:
        return failure
    with (folder / condition.file).open("rb") as file:
        content = file.read(OUTPUT_LIMIT_BYTES + 1)
    if len(content) > OUTPUT_LIMIT_BYTES:
        return f"is larger than {OUTPUT_LIMIT_BYTES // 2**20} MiB"
    return json_failure(condition, _decode(content))


def _report_share(condition: ReportMatch, folder: Path) -> tuple[float, str]:
    """The share of the tests that passed, and what is wrong (empty when all did)."""
    try:
        tests = read_report(report_content(condition, folder))
    except ReportError as error:
        return 0.0, f"the test report {condition.file} {error}"
    except (OSError, RuntimeError) as error:
        return 0.0, f"the test report {condition.file} cannot be read ({error})"
    asked_for = [named for named in (condition.fail_to_pass, condition.pass_to_pass) if named]
    lists = [[one_line(test) for test in named] for named in asked_for] or [list(tests)]
    if not lists[0]:
        return 0.0, f"the test report {condition.file} has no test in it"
    share, failed = 1.0, []
    for named in lists:
        missed = [test for test in named if not tests.get(test, False)]
        share *= 1.0 - len(missed) / len(named)
        failed += [f"{test} ({'not passed' if test in tests else 'not in the report'})" for test in missed]
    if not failed:
        return 1.0, ""
    asked = sum(len(named) for named in lists)
    return share, f"{asked - len(failed)} of {asked} tests passed; not: {_some(failed)}"


def report_content(condition: ReportMatch, folder: Path) -> bytes:
    """No link is followed: the report must be what the command has written at its very place."""
    path = folder
    for part in Path(condition.file).parts:
        path /= part
        if path.is_symlink():
            raise ReportError("is a link")
    if not path.exists():
        raise ReportError("was not written")
    if not path.is_file():
        raise ReportError("is no regular file")
    with path.open("rb") as file:
        content = file.read(REPORT_LIMIT_BYTES + 1)
    if len(content) > REPORT_LIMIT_BYTES:
        raise ReportError(f"is larger than {REPORT_LIMIT_BYTES // 2**20} MiB")
    return content


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _decode(output: bytes) -> str:
    return output[:OUTPUT_LIMIT_BYTES].decode(errors="replace")


def _tail(stdout: bytes, stderr: bytes) -> str:
    parts = [f"{name}: {_decode(output)[-400:]}" for name, output in (("stdout", stdout), ("stderr", stderr)) if output]
    return "\n".join(parts)
