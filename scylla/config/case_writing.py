"""The files of a new case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from scylla.domain.case import SourceKind
from scylla.domain.rubric import Check, ReportMatch

BUNDLE = "source.bundle"
HIDDEN = "hidden"
PATCH = "reference.patch"
WORKSPACE = "workspace"

_AGENT_TIMEOUT_S = 1800
_TESTS_WEIGHT = 0.85


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCase:
    """What the files of a case are written from. `commit` is that of its bundle; without one it has a folder.

    `check` decides most of its score; `quality` is what a judge is asked. With `has_tests` there are hidden tests and a
    reference.
    """

    id: str
    name: str
    description: str
    language: str
    prompt: str
    criteria: str
    commit: str | None
    check: Check
    check_words: str
    quality: str
    requires: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def case_id(title: str, commit: str) -> str:
    """An id from a title and a hash: `mend-the-slugs-1a2b3c4`."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:48].strip("-")
    return f"{words or 'case'}-{commit[:7]}"


def template(name: str) -> NewCase:
    """A small case that can be checked as it is, to be edited."""
    return NewCase(
        id=re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64] or "my-case",
        name="Say hello",
        description="A template: replace the workspace, the prompt, the check and the criteria.",
        language="",
        prompt="Write a file `hello.txt` whose only line is `Hello`.\n",
        criteria="# What a good solution is\n\n- There is one new file, and nothing else has changed.\n",
        commit=None,
        check=Check(run='test "$(cat hello.txt)" = Hello', timeout_s=60.0),
        check_words="hello.txt says Hello",
        quality="Nothing but what was asked for has changed",
    )


def write_case(case: NewCase, folder: Path) -> None:
    """Write test.yaml, config.yaml, prompt, criteria and rubric into a folder that has none of them."""
    (folder / "expected").mkdir()
    _dump(_test_yaml(case), folder / "test.yaml")
    _dump({"timeout_seconds": _AGENT_TIMEOUT_S}, folder / "config.yaml")
    _dump(_rubric(case), folder / "expected" / "rubric.yaml")
    (folder / "expected" / "criteria.md").write_text(case.criteria, encoding="utf-8")
    (folder / "prompt.md").write_text(case.prompt, encoding="utf-8")


def _test_yaml(case: NewCase) -> Mapping[str, object]:
    validation: dict[str, object] = {
        "criteria_file": "expected/criteria.md",
        "rubric_file": "expected/rubric.yaml",
    }
    if case.commit is not None:
        validation["hidden"] = HIDDEN
    validation |= {key: list(value) for key, value in (("requires", case.requires), ("protect", case.protect)) if value}
    source = {"path": WORKSPACE} if case.commit is None else {SourceKind.BUNDLE.value: BUNDLE, "hash": case.commit}
    whole: dict[str, object] = {"id": case.id, "name": case.name, "description": case.description}
    if case.language:
        whole["language"] = case.language
    whole |= {"source": source, "task": {"prompt_file": "prompt.md"}, "validation": validation}
    if case.commit is not None:
        whole["reference"] = PATCH
    return whole | ({"tags": list(case.tags)} if case.tags else {})


def _rubric(case: NewCase) -> Mapping[str, object]:
    check: dict[str, object] = {
        "id": "works",
        "check": case.check_words,
        "points": 6,
        "run": case.check.run,
        "timeout_seconds": case.check.timeout_s,
    }
    if case.check.report is not None:
        check["expect"] = {"tests": _tests(case.check.report)}
    return {
        "categories": {
            "works": {"weight": _TESTS_WEIGHT, "items": [check]},
            "quality": {
                "weight": round(1 - _TESTS_WEIGHT, 2),
                "scoring_type": "subjective",
                "items": [{"id": "quality", "check": case.quality, "points": 2}],
            },
        },
        "grading": {"pass_threshold": 0.7},
    }


def _tests(report: ReportMatch) -> Mapping[str, object]:
    lists: Sequence[tuple[str, tuple[str, ...]]] = (
        ("fail_to_pass", report.fail_to_pass),
        ("pass_to_pass", report.pass_to_pass),
    )
    named = {key: list(tests) for key, tests in lists if tests}
    return {"format": "junit", "file": report.file, "scoring": "share", **named}


def _dump(content: Mapping[str, object], file: Path) -> None:
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=110)
    file.write_text(text, encoding="utf-8")
