"""What is judged again, from which material, and when it is the same as before."""

from dataclasses import replace
from pathlib import Path

import pytest

from scylla.domain.experiment import CaseMeta, ExperimentMeta, SubtestMeta
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Conditions, RunKey
from scylla.domain.record import Attempt, CliReport, Grading, RunRecord
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring
from scylla.domain.score import ItemMark
from scylla.domain.usage import Spend
from scylla.e2e.rejudging import (
    REJUDGED,
    Wanted,
    adopt_runs,
    case_to_judge,
    describe_rejudging,
    find_rejudging,
    material_of,
    undecided_checks,
)
from scylla.store.store import Store

AT = "2026-01-02T03:04:05+00:00"
LATER = "2026-02-02T03:04:05+00:00"
KEY = RunKey(case_id="case-1", tier="T0", subtest="00", run_number=1)
MADE = Item(id="made", text="", points=2.0, scoring=Scoring.BINARY, check=Check(run="test -f made.txt"))
GOOD = Item(id="good", text="Good?", points=1.0, scoring=Scoring.SCALED)


def rubric(*items):
    category = Category(name="c", weight=1.0, items=items)
    return Rubric(categories=(category,), pass_threshold=0.6, grade_scale=DEFAULT_GRADE_SCALE)


META = ExperimentMeta(
    name="case-1", created_at=AT, seed=1, runs_per_subtest=1,
    conditions=Conditions(
        agent="a", agent_version="1", model="m", judge_models=("j",), offline=True, timeout_s=None, case_digests=()
    ),
    cases=(
        CaseMeta(
            id="case-1", name="", description="", language="", digest="d", rubric=rubric(MADE, GOOD), prompt="Do it.",
            criteria="Small.",
        ),
    ),
    subtests=(SubtestMeta(tier="T0", id="00", name="", description="", setup_digest="s"),),
)  # fmt: skip
WANTED = Wanted(judge_models=("x", "y"), repeats=2, rubrics={}, instructions="Grade.", offline=True, cli_version="1")


def record():
    attempt = Attempt(
        key=KEY, number=2, started_at=AT, duration_s=1.0, outcome=Outcome.FINISHED, detail="", exit_code=0,
        signal=None, spend=Spend(), report=CliReport(), setup_digest="s", agent_version="1",
    )  # fmt: skip
    marks = (ItemMark(item_id="made", points=1.0, reason="half of it"),)
    return RunRecord(key=KEY, attempts=(attempt,), grading=Grading(key=KEY, attempt=2, marks=marks, duration_s=0.1))


@pytest.fixture
def experiment(tmp_path):
    attempt = tmp_path / "experiment" / KEY.label / "attempt_02"
    for name in ("agent", "judge_01_call_01", "evidence"):
        (attempt / name).mkdir(parents=True)
    (attempt / "changes.patch").write_bytes(b"diff \xff\n")
    (attempt / "evidence" / "output.txt").write_text("kept")
    (attempt / "agent" / "prompt.md").write_text("Do it, as it was told.")
    (attempt / "judge_01_call_01" / "prompt.md").write_text(
        "# Task\n\nDo it.\n\n# What a good solution looks like\n\nSmall.\n\n# Part\n\nGood.\n\n# Items to decide\n\nx\n"
    )
    return tmp_path / "experiment"


def described(wanted=WANTED, *, at=LATER, meta=META, experiment=Path("/e/experiment")):
    return describe_rejudging(meta, experiment, wanted, created_at=at)


def test_repeats_come_round_after_round_and_the_original_is_named():
    meta = described()
    assert meta.conditions.judge_models == ("x", "y", "x", "y")
    assert (meta.rejudging.experiment, meta.rejudging.repeats) == ("experiment", 2)
    assert (meta.created_at, meta.name, meta.subtests) == (LATER, META.name, META.subtests)


@pytest.mark.parametrize(
    "change",
    [
        {"judge_models": ("x",)},
        {"repeats": 3},
        {"rubrics": {"case-1": rubric(GOOD)}},
        {"instructions": "Grade well."},
        {"offline": False},
        {"cli_version": "2"},
    ],
)
def test_rejudging_goes_on_only_under_the_same_conditions(experiment, change):
    folder = experiment / REJUDGED / "1"
    Store.create_from(folder, described(experiment=experiment), ()).close()
    again = described(at="2026-03-03T00:00:00+00:00", experiment=experiment)
    assert find_rejudging(experiment, again) == folder
    assert find_rejudging(experiment, described(replace(WANTED, **change), experiment=experiment)) is None


def test_without_any_rejudging_there_is_none(experiment):
    assert find_rejudging(experiment, described()) is None


def test_material_and_marks_of_checks_come_along_in_the_points_of_the_new_rubric(experiment):
    worth_more = rubric(replace(MADE, points=6.0), GOOD)
    meta = described(replace(WANTED, rubrics={"case-1": worth_more}))
    with Store.create_from(experiment / REJUDGED / "1", meta, ()) as store:
        for _ in range(2):
            adopt_runs(store, meta, original=META, experiment=experiment, records=[record()])
        (adopted,) = store.records()
        copied = store.folder / KEY.label / "attempt_02"
    assert [(mark.item_id, mark.points) for mark in adopted.grading.marks] == [("made", 3.0)]
    assert (copied / "changes.patch").read_bytes() == b"diff \xff\n"
    assert sorted(path.name for path in copied.iterdir()) == ["changes.patch", "evidence"]
    assert (copied / "evidence" / "output.txt").read_text() == "kept"


def test_check_that_becomes_a_question_for_judges_leaves_no_mark(experiment):
    asked = rubric(replace(MADE, check=None), GOOD)
    meta = described(replace(WANTED, rubrics={"case-1": asked}))
    with Store.create_from(experiment / REJUDGED / "1", meta, ()) as store:
        adopt_runs(store, meta, original=META, experiment=experiment, records=[record()])
        assert store.records()[0].grading.marks == ()


def test_checks_that_were_never_run_are_found():
    other = replace(MADE, check=Check(run="test -f other.txt"))
    assert undecided_checks(rubric(MADE, GOOD), META.cases[0].rubric) == ()
    assert undecided_checks(rubric(replace(MADE, points=9.0)), META.cases[0].rubric) == ()
    assert undecided_checks(rubric(other), META.cases[0].rubric) == (other,)
    shared = replace(MADE, scoring=Scoring.SCALED)
    assert undecided_checks(rubric(shared), META.cases[0].rubric) == (shared,), "all or nothing became a share"
    assert undecided_checks(rubric(replace(GOOD, check=Check(run="true"))), META.cases[0].rubric)[0].id == "good"


def test_runs_without_a_patch_or_a_grading_cannot_be_judged(experiment):
    folder = experiment / KEY.label / "attempt_02"
    assert material_of(experiment, record()) == folder
    assert material_of(experiment, replace(record(), grading=None)) is None
    altered = replace(record().grading, patch_digest="0" * 64)
    assert material_of(experiment, replace(record(), grading=altered)) is None
    assert material_of(experiment, replace(record(), attempts=())) is None
    (folder / "changes.patch").unlink()
    assert material_of(experiment, record()) is None


def test_prompt_and_criteria_are_what_was_planned_or_what_the_artefacts_hold(experiment):
    folders = [experiment / KEY.label / "attempt_02"]
    kept = case_to_judge(META.cases[0], folders, offline_file=None)
    assert (kept.prompt, kept.criteria, kept.rubric) == ("Do it.", "Small.", META.cases[0].rubric)
    old = replace(META.cases[0], prompt=None, criteria=None)
    found = case_to_judge(old, folders, offline_file=None)
    assert (found.prompt, found.criteria) == ("Do it, as it was told.", "Small.\n\n# Part\n\nGood.")
    bare = case_to_judge(old, [], offline_file=None)
    assert (bare.prompt, bare.criteria) == ("", "")
