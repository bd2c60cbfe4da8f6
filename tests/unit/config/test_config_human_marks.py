"""Marks of people are read exactly, from what spreadsheets make of a CSV file, and every bad row is named."""

import csv
import io
from dataclasses import replace

import pytest

from scylla.config.findings import Findings
from scylla.config.human_marks import TEMPLATE_COLUMNS, read_human_marks
from scylla.domain.experiment import CaseMeta, ExperimentMeta
from scylla.domain.human import blind_name
from scylla.domain.plan import Conditions, RunKey
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring

RUBRIC = Rubric(
    categories=(
        Category(
            name="c",
            weight=1.0,
            items=(
                Item(id="checked", text="t", points=1.0, scoring=Scoring.BINARY, check=Check(run="true")),
                Item(id="clear", text="t", points=4.0, scoring=Scoring.SCALED),
                Item(id="small", text="t", points=1.0, scoring=Scoring.SCALED, na_condition="may"),
            ),
        ),
    ),
    pass_threshold=0.6,
    grade_scale=DEFAULT_GRADE_SCALE,
)
META = ExperimentMeta(
    name="n", created_at="2026-01-02T03:04:05+00:00", seed=1, runs_per_subtest=2,
    conditions=Conditions(
        agent="a", agent_version="1", model="m", judge_models=("j",), offline=False, timeout_s=None, case_digests=()
    ),
    cases=(CaseMeta(id="test-001", name="", description="", language="", digest="d", rubric=RUBRIC),),
    subtests=(),
)  # fmt: skip
KEYS = [RunKey(case_id="test-001", tier="T0", subtest="00", run_number=number) for number in (1, 2)]
HEAD = "case,tier,subtest,run_number,criterion,points\n"


def read(tmp_path, text, *, encoding="utf-8"):
    path = tmp_path / "human.csv"
    path.write_bytes(text.encode(encoding))
    findings = Findings()
    return read_human_marks(path, META, KEYS, findings), findings.problems


def only(tmp_path, text, **options):
    marks, problems = read(tmp_path, text, **options)
    assert problems == ()
    return [(mark.key.run_number, mark.item_id, mark.share) for mark in marks]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "test-001,T0,00,1,clear,3\n",
        HEAD + "test-001,T0,0,1,clear,3.0\n",
        HEAD + "test-001,T0,00,run_01,clear,3\n",
        "case,tier,subtest,run_number,criterion,score\ntest-001,T0,00,1,clear,0.75\n",
        "case;tier;subtest;run_number;criterion;score\r\ntest-001;T0;00;1;clear;0,75\r\n",
        "\ufeff" + HEAD + "test-001,T0,00,1,clear,3\n",
        f"run,criterion,points\n{blind_name(META, KEYS[0])},clear,3\n",
        HEAD.replace("\n", "\r") + "test-001,T0,00,1,clear,3\r",
        HEAD + " test-001 , T0,00,1,clear, 3 \n\ntest-001,T0,00,2,clear,\n",
    ],
)
def test_same_mark_in_every_spelling(tmp_path, text):
    assert only(tmp_path, text) == [(1, "clear", 0.75)]


def test_item_may_be_set_aside_where_it_says_when(tmp_path):
    assert only(tmp_path, HEAD + "test-001,T0,00,1,small,n/a\n") == [(1, "small", None)]


def test_raters_are_told_apart(tmp_path):
    text = "rater," + HEAD + "ann,test-001,T0,00,1,clear,1\nbob,test-001,T0,00,1,clear,2\n"
    marks, problems = read(tmp_path, text)
    assert (problems, [(mark.rater, mark.share) for mark in marks]) == ((), [("ann", 0.25), ("bob", 0.5)])


BAD = {
    "test-009,T0,00,1,clear,1": "no run 'test-009/T0/00/1'",
    "test-001,T0,00,x,clear,1": "no run",
    f"test-001,T0,00,{'9' * 5000},clear,1": "no run",
    "test-001,T0,00,1,claer,1": "no item 'claer'",
    "test-001,T0,00,1,checked,1": "a command decides checked",
    "test-001,T0,00,1,clear,5": "'5' is no mark for clear",
    "test-001,T0,00,1,clear,-1": "no mark",
    "test-001,T0,00,1,clear,nan": "no mark",
    "test-001,T0,00,1,clear,good": "no mark",
    "test-001,T0,00,1,clear,n/a": "applies to every run",
    "test-001,T0,00,1,small,1,7": "more cells",
}


def test_a_cell_that_csv_refuses_is_a_problem_of_its_line(tmp_path):
    _, problems = read(tmp_path, HEAD + f'test-001,T0,00,1,clear,"{"9" * 140_000}"\n')
    assert ["is no CSV" in problem.reason for problem in problems] == [True]


def test_every_bad_row_is_named_at_once_with_its_line(tmp_path):
    rows = [*BAD, "test-001,T0,00,2,clear,1", "test-001,T0,00,2,clear,1"]
    _, problems = read(tmp_path, HEAD + "\n".join(rows) + "\n")
    assert len(problems) == len(BAD) + 1
    for number, (problem, words) in enumerate(
        zip(problems, [*BAD.values(), "was marked before"], strict=True), start=2
    ):
        assert words in problem.reason
        assert problem.key == f"line {number if number < len(BAD) + 2 else number + 1}"
        assert problem.fix
        assert problem.file.endswith("human.csv")


@pytest.mark.parametrize("number", range(len(BAD)))
def test_each_bad_row_alone_is_one_problem(tmp_path, number):
    marks, problems = read(tmp_path, HEAD + list(BAD)[number] + "\n")
    assert (marks, len(problems)) == ((), 1)


@pytest.mark.parametrize(
    ("head", "words"),
    [("criterion,points", "names the run"), ("run,points", "criterion"), ("run,criterion", "points nor"), ("", "run")],
)
def test_missing_columns_are_named(tmp_path, head, words):
    _, problems = read(tmp_path, f"{head}\nx\n")
    assert any(words in problem.reason for problem in problems)


def test_points_and_score_together_are_refused(tmp_path):
    text = "run,criterion,points,score\n" + f"{blind_name(META, KEYS[0])},clear,1,0.25\n"
    assert "points and a score" in read(tmp_path, text)[1][0].reason


def test_file_that_is_not_there(tmp_path):
    findings = Findings()
    assert read_human_marks(tmp_path / "none.csv", META, KEYS, findings) == ()
    assert "--template" in findings.problems[0].fix


def test_blind_names_tell_nothing_and_hold_in_every_rejudging():
    names = {blind_name(META, key) for key in KEYS}
    assert len(names) == 2
    assert not any(word in name for name in names for word in ("T0", "test", "00/"))
    other = replace(META, created_at="2027-01-01T00:00:00+00:00", runs_per_subtest=9)
    assert {blind_name(other, key) for key in KEYS} == names


def test_template_has_what_is_read(tmp_path):
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, TEMPLATE_COLUMNS)
    writer.writeheader()
    writer.writerow({"run": blind_name(META, KEYS[1]), "criterion": "clear", "points": "4", "rater": "ann"})
    assert only(tmp_path, buffer.getvalue()) == [(2, "clear", 1.0)]
