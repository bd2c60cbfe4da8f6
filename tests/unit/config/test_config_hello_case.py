"""test-001 is a sound case: its checks pass for the solution that its scenario plays, and fail for others."""

import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scylla.config.cases import load_cases
from scylla.config.scenario import load_scenario
from scylla.domain.rubric import Check, TextMatch
from scylla.domain.score import ItemMark, is_valid_mark, score_run

FOLDER = Path(__file__).parents[3] / "tests/fixtures/tests/test-001"
GOOD = 'print("Hello, world!")\n'


@pytest.fixture(scope="module")
def case():
    loaded = load_cases([FOLDER])
    assert loaded.problems == ()
    return loaded.cases[0]


def matches(match: TextMatch | None, text: str) -> bool:
    return match is None or (
        match.equals in {None, text}
        and (match.contains or "") in text
        and (match.pattern is None or re.search(match.pattern, text) is not None)
    )


def holds(check: Check, workspace: Path) -> bool:
    """A second, short reading of what a check means, so that the case is not proven by the code that will run it."""
    shell = ["/bin/sh", "-c", check.run]
    done = subprocess.run(shell, check=False, cwd=workspace, capture_output=True, text=True, timeout=30)
    return (
        check.exit_code in {None, done.returncode}
        and matches(check.stdout, done.stdout)
        and matches(check.stderr, done.stderr)
        and all(
            (workspace / file.path).exists() == file.exists
            and (file.text is None or matches(file.text, (workspace / file.path).read_text()))
            for file in check.files
        )
    )


def failed(case, workspace: Path) -> set[str]:
    items = case.rubric.check_items
    with ThreadPoolExecutor(4) as pool:
        held = list(pool.map(lambda item: holds(item.check, workspace), items))
    return {item.id for item, is_held in zip(items, held, strict=True) if not is_held}


@pytest.fixture
def workspace(case, tmp_path) -> Path:
    return Path(shutil.copytree(case.source.location, tmp_path / "workspace"))


def test_the_rubric_has_the_known_shape(case):
    shape = [(c.name, c.weight, len(c.items), sum(item.points for item in c.items)) for c in case.rubric.categories]
    assert shape == [
        ("functional", 0.35, 4, 3.5),
        ("code_quality", 0.20, 4, 4.0),
        ("proportionality", 0.15, 4, 3.5),
        ("build_pipeline", 0.10, 4, 4.0),
        ("overall_quality", 0.20, 1, 2.0),
    ]
    assert [item.id for item in case.rubric.judge_items] == ["Q4", "OQ1"]
    assert (case.rubric.pass_threshold, case.timeout_s, case.max_cost_usd) == (0.60, 300.0, 1.0)


def test_the_offline_agent_solves_it_and_the_offline_judge_gives_full_marks(case, workspace):
    scenario = load_scenario(case.offline_file)
    for turn in scenario.agent[0].turns:
        for call in turn.tool_calls:
            command = json.loads(call.input_json)["command"]
            subprocess.run(["/bin/sh", "-c", command], cwd=workspace, check=True, capture_output=True, timeout=30)
    assert failed(case, workspace) == set()
    items = json.loads(scenario.judge[0].turns[0].tool_calls[0].input_json)["items"]
    marks = [ItemMark(item_id=item_id, points=mark["points"], reason=mark["reason"]) for item_id, mark in items.items()]
    assert all(is_valid_mark(mark, item) for mark, item in zip(marks, case.rubric.judge_items, strict=True))
    checks = [ItemMark(item_id=item.id, points=item.points, reason="") for item in case.rubric.check_items]
    score = score_run(case.rubric, checks=checks, verdicts=[marks])
    assert score is not None
    assert (score.score, score.grade, score.passed) == (1.0, "S", True)


def test_an_untouched_workspace_passes_no_check(case, workspace):
    assert failed(case, workspace) == {item.id for item in case.rubric.check_items}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"hello.py": GOOD, "CLAUDE.md": "x", ".git/HEAD": "x", ".claude/settings.json": "{}"}, set()),
        ({"hello.py": 'print("Hello, World!")\n'}, {"F2", "F4", "B1", "B2", "B3"}),
        ({"hello.py": 'import os\n\nprint("Hello, world!", end="")'}, {"F4", "Q2", "Q3", "B1", "B2", "B3"}),
        ({"hello.py": GOOD + "raise SystemExit(1)\n"}, {"F3", "F4", "B1", "B2", "B3"}),
        ({"hello.py": "print('Hello\n"}, {"F2", "F3", "F4", "Q1", "Q2", "B1", "B2", "B3"}),
        (
            {"hello.py": "# x\n" * 12 + GOOD, "README.md": "# Other\n", "setup.py": "", "__pycache__/hello.pyc": "x"},
            {"P1", "P2", "P3", "P4", "B4"},
        ),
    ],
)
def test_each_fault_fails_its_checks_only(case, workspace, files, expected):
    for name, content in files.items():
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_text(content)
    assert failed(case, workspace) == expected


def test_the_prompt_does_not_tell_that_it_is_a_test(case):
    assert not re.search(r"scylla|test|evaluat|grade|rubric|judge|benchmark", case.prompt, re.IGNORECASE)
