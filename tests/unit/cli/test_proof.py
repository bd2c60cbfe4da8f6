"""`scylla check --run` and the agents `oracle` and `nop`: a case that proves nothing is named, with the reason."""

import json
import os
import shutil

import pytest
from command_line import CASES, scylla

TEST_YAML = """\
id: {id}
name: A case
source: {{path: workspace}}
{more}
"""

RUBRIC = """\
categories:
  works:
    weight: 1.0
    items:
      - {{id: made, check: It is made, points: 9, run: {run}}}
      - {{id: taste, check: It reads well, points: 1}}
"""


def write_case(folder, *, run="test -f made.txt", more="reference: reference", rubric=None):
    (folder / "expected").mkdir(parents=True)
    (folder / "workspace").mkdir()
    (folder / "reference").mkdir()
    (folder / "test.yaml").write_text(TEST_YAML.format(id=folder.name, more=more))
    (folder / "prompt.md").write_text("Make made.txt.\n")
    (folder / "expected/rubric.yaml").write_text(rubric or RUBRIC.format(run=json.dumps(run)))
    (folder / "workspace/README.md").write_text("Hello\n")
    (folder / "reference/made.txt").write_text("made\n")
    return folder


@pytest.fixture(scope="module")
def proven(tmp_path_factory):
    """The document of one call over cases of every kind, and its exit code."""
    top = tmp_path_factory.mktemp("proof")
    cases, state = top / "cases", top / "state"
    state.mkdir()
    write_case(cases / "good")
    write_case(cases / "bare", more="")
    write_case(cases / "failing", run="echo it is not there; test -f other.txt")
    write_case(cases / "generous", run="test -f README.md")
    # It fails at every second start on the same workspace, which only the outside can make it do.
    mark = f"{state}/$(test -f made.txt && echo a || echo b)"
    write_case(cases / "flaky", run=f'if mkdir "{mark}"; then test -f made.txt; else rmdir "{mark}"; false; fi')
    write_case(cases / "unfit", more="reference: reference.patch")
    (cases / "unfit/reference.patch").write_text("--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-Other\n+made\n")
    write_case(cases / "idle")
    shutil.copy(cases / "idle/workspace/README.md", cases / "idle/reference/README.md")
    (cases / "idle/reference/made.txt").unlink()
    done = scylla(
        "check", "--run", "--repeat", "2", cases, "--json", "--work-dir", top / "w", cwd=top, SCYLLA_CLAUDE="/nowhere"
    )
    document = json.loads(done.stdout)
    return {
        "code": done.returncode,
        "cases": {proof["case"]: proof for proof in document["proofs"]},
        "problems": document["problems"],
        "work": top / "w",
    }


def told(proven, case):
    return [
        (problem["severity"], problem["reason"])
        for problem in proven["problems"]
        if f"/{case}/" in f"/{problem['file']}"
    ]


def test_a_case_that_cannot_be_relied_on_ends_the_command_with_2(proven):
    assert proven["code"] == 2
    assert {case for case, proof in proven["cases"].items() if proof["ok"]} == {"good", "bare"}
    assert all(problem["fix"] for problem in proven["problems"])


def test_a_sound_case_has_its_two_scores_and_what_judges_may_change(proven):
    good = proven["cases"]["good"]
    assert (good["reference_score"], good["empty_score"]) == ([0.9, 1.0], [0.0, pytest.approx(0.1)])
    assert (good["tells_apart"], good["settles_without_judges"], good["judge_items"]) == (True, True, ["taste"])
    (check,) = good["checks"]
    assert (check["reference_points"], check["empty_points"]) == ([9.0, 9.0], [0.0, 0.0])
    assert (check["decides"], check["is_flaky"]) == (True, False)
    assert 0 < check["longest_s"] < 60
    assert told(proven, "good") == []


def test_without_a_reference_only_the_empty_solution_is_graded(proven):
    bare = proven["cases"]["bare"]
    assert (bare["reference_score"], bare["empty_score"], bare["tells_apart"]) == (
        None,
        [0.0, pytest.approx(0.1)],
        None,
    )
    ((severity, reason),) = told(proven, "bare")
    assert (severity, "there is no solution" in reason) == ("warning", True)


def test_a_check_that_fails_on_the_reference_shows_its_reason_and_output(proven):
    failing = proven["cases"]["failing"]
    (failed,) = failing["failed_on_reference"]
    assert (failed["item"], failed["reason"]) == ("made", "exit code 1 instead of 0")
    assert "it is not there" in failed["output"]
    reasons = [reason for _, reason in told(proven, "failing")]
    assert any("the reference scores 0.10, less than 0.95 (made: exit code 1" in reason for reason in reasons)
    assert any("no check tells the reference from an empty solution" in reason for reason in reasons)


def test_points_for_nothing_are_named(proven):
    generous = proven["cases"]["generous"]
    assert generous["empty_score"] == [0.9, 1.0]
    assert not generous["checks"][0]["decides"]
    assert any("more than 0.15 (points from made)" in reason for _, reason in told(proven, "generous"))


def test_a_check_that_wavers_is_named_and_counts_at_its_worst(proven):
    flaky = proven["cases"]["flaky"]
    assert [check["is_flaky"] for check in flaky["checks"]] == [True]
    assert sorted(flaky["checks"][0]["reference_points"]) == [0.0, 9.0]
    assert flaky["reference_score"] == [0.0, pytest.approx(0.1)]
    assert any("made does not always say the same of the reference" in reason for _, reason in told(proven, "flaky"))


def test_a_patch_that_does_not_apply_is_the_fault_of_the_case(proven):
    unfit = proven["cases"]["unfit"]
    assert unfit["reference_score"] is None
    ((severity, reason),) = told(proven, "unfit")
    assert severity == "error"
    assert "README.md" in reason
    assert "cannot be laid over the workspace" in reason


def test_a_reference_that_changes_nothing_is_none(proven):
    assert any("the reference changes nothing" in reason for _, reason in told(proven, "idle"))


def test_nothing_is_left_behind(proven):
    left = [path for name in ("scratch", "a") for path in (proven["work"] / name).iterdir() if path.suffix != ".lock"]
    assert left == []


def test_a_missing_program_is_the_machines_fault_and_no_zero(tmp_path):
    rubric = RUBRIC.format(run='"no-such-tool --version"')
    case = write_case(tmp_path / "lacking", rubric=rubric)
    done = scylla("check", "--run", case, "--json", "--work-dir", tmp_path / "w", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert (done.returncode, document["errors"]) == (3, 0)
    (proof,) = document["proofs"]
    assert "check made needs no-such-tool" in proof["missing"]
    assert (proof["reference_score"], proof["empty_score"], proof["ok"]) == (None, None, False)


def test_people_get_a_table_and_progress(tmp_path):
    write_case(tmp_path / "cases" / "good")
    done = scylla("check", "--run", tmp_path / "cases", "--work-dir", tmp_path / "w", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "0.90 – 1.00" in done.stderr
    assert "[2/2]" in done.stderr


def test_repeat_alone_is_refused(tmp_path):
    assert scylla("check", CASES, "--repeat", "2", cwd=tmp_path).returncode == 2


def run(agent, case, tmp_path, *words):
    return scylla(
        "run", "--tiers-dir", case, "--agent", agent, "--subtests", "T0/00", "--runs", "1", "--json",
        "--work-dir", tmp_path / "w", "--results-dir", tmp_path / "r", *words, cwd=tmp_path, SCYLLA_CLAUDE="/nowhere",
    )  # fmt: skip


@pytest.mark.parametrize(("agent", "score"), [("oracle", 1.0), ("nop", 0.0)])
def test_the_agents_run_through_an_experiment_without_any_model(tmp_path, agent, score):
    done = run(agent, write_case(tmp_path / "case"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "OFFLINE" not in done.stderr
    report = json.loads(next((tmp_path / "r").glob("*/report.json")).read_text())
    (only,) = report["runs"]
    assert (only["score"], only["outcome"], report["offline"]) == (score, "finished", False)
    assert only["verdicts"] == []
    assert not list((tmp_path / "r").rglob("judge_*")), "nobody was asked to judge"
    patch = next((tmp_path / "r").rglob("changes.patch")).read_text()
    assert ("made.txt" in patch) is (agent == "oracle")
    assert f"{os.sep}reference" not in next((tmp_path / "r").rglob("prompt.md")).read_text()


def test_another_reference_is_another_oracle(tmp_path):
    case = write_case(tmp_path / "case")
    first = json.loads(run("oracle", case, tmp_path).stdout)
    again = json.loads(run("oracle", case, tmp_path).stdout)
    (case / "reference/made.txt").write_text("made in another way\n")
    other = json.loads(run("oracle", case, tmp_path).stdout)
    assert len(list((tmp_path / "r").iterdir())) == 2, (first, again, other)


@pytest.mark.parametrize(
    ("more", "rubric", "words", "said"),
    [
        ("", None, (), "no reference to lay for case"),
        (
            "reference: reference",
            "categories: {c: {weight: 1.0, items: [{id: a, check: It is good, points: 1}]}}\n",
            (),
            "no check decides anything of case",
        ),
        ("reference: reference", None, ("--model", "opus"), "--model means nothing to oracle"),
    ],
)
def test_what_an_anchor_cannot_do_is_refused_before_anything_starts(tmp_path, more, rubric, words, said):
    done = run("oracle", write_case(tmp_path / "case", more=more, rubric=rubric), tmp_path, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "→" in done.stderr
    assert not (tmp_path / "r").exists()
