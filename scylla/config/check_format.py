"""The keys with which an item of a rubric becomes a check, and the check they stand for."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, model_validator

from scylla.config.findings import quoted
from scylla.config.strict import InnerPath, NonEmpty, ProgramName, Seconds, Strict, refuse
from scylla.domain.rubric import Check, FileMatch, JsonMatch, ReportMatch, Scoring, TextMatch


def _check_pattern(pattern: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        refuse(f"{quoted(pattern)} is not a Python regular expression ({error})", "Correct the pattern")
    return pattern


def _check_pointer(pointer: str) -> str:
    if (pointer and not pointer.startswith("/")) or re.search(r"~(?![01])", pointer):
        refuse(f"{quoted(pointer)} is not a JSON pointer (RFC 6901)", "Write for example '/users/0/name'")
    return pointer


def _check_test_id(test_id: str) -> str:
    if "::" not in test_id:
        reason = f"{quoted(test_id)} does not name a test"
        refuse(reason, "Write 'classname::name' with the two attributes of the report's testcase")
    return test_id


Pattern = Annotated[str, AfterValidator(_check_pattern)]
Pointer = Annotated[str, AfterValidator(_check_pointer)]
TestId = Annotated[str, AfterValidator(_check_test_id)]


class TextConditions(Strict):
    """Conditions on a text; all that are given must hold."""

    equals: str | None = None
    contains: str | None = None
    pattern: Pattern | None = Field(default=None, description="a Python regular expression, searched in the text")


def _text_branch(value: object) -> str:
    return "<text>" if isinstance(value, str) else "<conditions>"


TextExpected = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[TextConditions, Tag("<conditions>")], Discriminator(_text_branch)
]


class FileExpected(TextConditions):
    """What must hold of one file of the workspace after the command."""

    path: InnerPath
    exists: bool = True


class JsonExpected(Strict):
    """What must hold of one value of a JSON text; one of equals, at_least and at_most is needed."""

    file: InnerPath | None = Field(default=None, description="a file of the workspace, read after the command")
    of: Literal["stdout", "stderr"] = Field(default="stdout", description="where the JSON is when no file is named")
    pointer: Pointer = Field(default="", description="RFC 6901; the whole when empty")
    equals: JsonValue = Field(default=None, description="any value; the order of keys does not matter")
    tolerance: float = Field(default=0.0, ge=0, description="how far numbers may differ from those in equals")
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _check_conditions(self) -> JsonExpected:
        given = self.model_fields_set
        if not given & {"equals", "at_least", "at_most"}:
            refuse("there is no condition on the value", "Add 'equals', 'at_least' or 'at_most'")
        if {"file", "of"} <= given:
            refuse("the JSON is either in a file or in the output", "Remove 'file' or 'of'")
        if "tolerance" in given and "equals" not in given:
            refuse("'tolerance' means nothing without 'equals'", "Add 'equals' or remove it")
        return self


class TestsExpected(Strict):
    """A test report that the command writes, and the tests that must pass in it."""

    format: Literal["junit"] = "junit"
    file: InnerPath = Field(description="where the command writes it; what is there before is removed")
    fail_to_pass: list[TestId] = Field(default_factory=list, description="tests that fail before the work")
    pass_to_pass: list[TestId] = Field(default_factory=list, description="tests that pass before the work")
    scoring: Literal["all", "share"] = Field(
        default="all", description="share: (passed / fail_to_pass) × (passed / pass_to_pass) of the points"
    )

    @model_validator(mode="after")
    def _check_lists(self) -> TestsExpected:
        named = (*self.fail_to_pass, *self.pass_to_pass)
        if twice := sorted({test for test in named if named.count(test) > 1}):
            refuse(f"the test {quoted(twice[0])} is named twice", "Name each test in one of the lists, once")
        return self


class Expect(Strict):
    """What must hold of a command that was run; all of it must."""

    exit_code: int | None = Field(
        default=0, description="null accepts every exit code, and so does leaving it out beside 'tests'"
    )
    stdout: TextExpected | None = Field(default=None, description="a plain text stands for `contains`")
    stderr: TextExpected | None = Field(default=None, description="a plain text stands for `contains`")
    files: list[FileExpected] = Field(default_factory=list)
    json_values: list[JsonExpected] = Field(default_factory=list, alias="json")
    tests: TestsExpected | None = None


class CheckKeys(Strict):
    """The keys that make an item a check."""

    run: NonEmpty | None = Field(default=None, description="a shell command that decides the item")
    timeout_seconds: Seconds = 60.0
    requires: list[ProgramName] = Field(default_factory=list, description="programs without which it cannot be run")
    expect: Expect | None = None


def key_problems(item: CheckKeys) -> Iterator[tuple[str, str, str]]:
    """Key, reason and fix of each thing that is wrong between the keys."""
    if item.run is None:
        for name in sorted({"expect", "timeout_seconds", "requires"} & item.model_fields_set):
            yield name, f"'{name}' means nothing without 'run'", "Add the command as 'run:' or remove it"
    for index, match in enumerate(item.expect.files if item.expect else ()):
        if not match.exists and {"equals", "contains", "pattern"} & match.model_fields_set:
            reason = "a file that must not exist cannot have conditions on its text"
            yield f"expect.files[{index}]", reason, "Remove 'exists: false' or the conditions"


def scoring_of(item: CheckKeys) -> Scoring:
    """How the points of a check are given."""
    by_share = item.expect is not None and item.expect.tests is not None and item.expect.tests.scoring == "share"
    return Scoring.SCALED if by_share else Scoring.BINARY


def to_check(item: CheckKeys) -> Check | None:
    """The check, None for an item that judges decide."""
    if item.run is None:
        return None
    expect = item.expect or Expect()
    asks_exit_code = expect.tests is None or "exit_code" in expect.model_fields_set
    return Check(
        run=item.run,
        timeout_s=item.timeout_seconds,
        exit_code=expect.exit_code if asks_exit_code else None,
        stdout=_text_match(expect.stdout),
        stderr=_text_match(expect.stderr),
        files=tuple(FileMatch(path=match.path, exists=match.exists, text=_text_match(match)) for match in expect.files),
        json=tuple(_json_match(match) for match in expect.json_values),
        report=None if expect.tests is None else _report_match(expect.tests),
        requires=tuple(dict.fromkeys(item.requires)),
    )


def _text_match(expected: str | TextConditions | None) -> TextMatch | None:
    if isinstance(expected, str):
        return TextMatch(contains=expected)
    if expected is None or (expected.equals, expected.contains, expected.pattern) == (None, None, None):
        return None
    return TextMatch(equals=expected.equals, contains=expected.contains, pattern=expected.pattern)


def _json_match(expected: JsonExpected) -> JsonMatch:
    asks_equals = "equals" in expected.model_fields_set
    return JsonMatch(
        file=expected.file,
        stream=expected.of,
        pointer=expected.pointer,
        equals=json.dumps(expected.equals, sort_keys=True) if asks_equals else None,
        tolerance=expected.tolerance,
        at_least=expected.at_least,
        at_most=expected.at_most,
    )


def _report_match(expected: TestsExpected) -> ReportMatch:
    return ReportMatch(
        file=expected.file,
        fail_to_pass=tuple(expected.fail_to_pass),
        pass_to_pass=tuple(expected.pass_to_pass),
    )
