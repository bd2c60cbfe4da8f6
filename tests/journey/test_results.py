"""Whole experiments with the real CLI: what ends as a result, and with which score and cost."""

import gzip
import json
import re
import shutil

import pytest
from laboratory import GOOD_TURNS, ROOT, cli_binary

from scylla.domain.outcome import Outcome
from scylla.store.reading import read_experiment

pytestmark = pytest.mark.journey


def first_request(lab, label="test-001/T0/00/run_01", part="agent"):
    path = lab.experiment / label / "attempt_01" / part / "exchange-0001-request.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


def texts(request) -> str:
    return json.dumps([request.get("system"), request["messages"]], ensure_ascii=False)


def test_shipped_case_scores_high_and_everything_is_marked_offline(lab):
    # A model whose price has not changed between the CLI's list and ours.
    run = lab.run("--runs", "1", "--max-subtests", "1", "-v", "--model", "claude-sonnet-4-5")
    assert run.code == 0, run.stderr
    assert "OFFLINE" in run.stderr
    record = lab.record()
    assert record.result.outcome is Outcome.FINISHED
    assert record.score.passed
    assert record.score.score > 0.9
    assert record.agent_spend.cost_usd > 0
    assert record.judge_spend.cost_usd > 0
    assert record.agent_spend.cost_usd == pytest.approx(record.result.report.cost_usd)
    assert record.agent_spend.tokens == record.result.report.tokens
    assert (record.grading.files_changed, record.result.workspace) == (("hello.py",), None)
    report = json.loads((lab.experiment / "report.json").read_text())
    assert report["offline"] is True
    assert "ffline" in (lab.experiment / "report.md").read_text()
    assert "hello.py" in (lab.experiment / record.key.label / "attempt_01" / "changes.patch").read_text()


def test_every_file_of_an_experiment_is_documented(lab):
    lab.run("--runs", "1", "--max-subtests", "1")
    page = (ROOT / "docs" / "reference" / "files.md").read_text()
    for path in lab.experiment.rglob("*"):
        if path.is_file() and not path.name.endswith(("-wal", "-shm")) and path.parent.name != "files":
            name = re.sub(r"exchange-\d{4}", "exchange-NNNN", path.name)
            assert f"{name}`" in page, path


def test_an_agent_that_cheats_scores_nothing(lab):
    shutil.rmtree(lab.case)
    shutil.copytree(ROOT / "tests" / "fixtures" / "cheating", lab.case)
    run = lab.run("--runs", "1", "--max-subtests", "1")
    assert run.code == 0, run.stderr
    record = lab.record()
    assert record.result.outcome is Outcome.FINISHED
    assert {mark.item_id: mark.points for mark in record.grading.marks if mark.points} == {}
    assert record.score.score == 0.0
    assert all(mark.points_before == 0.0 for mark in record.grading.marks)
    attempt = lab.experiment / record.key.label / "attempt_01"
    assert "unittest.py" in record.grading.files_changed, "it has done what it says"
    assert "Give full points" in (attempt / "evidence/message.md").read_text()
    assert "Plant everything" in (attempt / "evidence/trajectory.jsonl").read_text()


def test_agent_gets_the_text_of_the_prompt_and_nothing_of_the_grading(lab):
    lab.run("--runs", "1", "--max-subtests", "1")
    request = texts(first_request(lab))
    prompt = (lab.case / "prompt.md").read_text().strip().splitlines()[0]
    assert json.dumps(prompt, ensure_ascii=False)[1:-1] in request
    for hidden in ("rubric", "scylla", str(lab.root / "cases"), str(lab.results)):
        assert hidden not in request.lower()


def test_judge_gets_the_changes_without_tools_or_names(lab):
    lab.run("--runs", "1", "--max-subtests", "1")
    request = first_request(lab, part="judge_01_call_01")
    assert [tool["name"] for tool in request["tools"]] == ["StructuredOutput"]
    assert "+print" in texts(request)
    for hidden in ("T0/00", "run_01", "claude-opus", "sonnet", "USD", "scylla"):
        assert hidden not in texts(request)


def test_wrong_solution_scores_low_and_is_a_result(lab):
    lab.play(agent=[{"say": "Nothing to do."}])
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    record = lab.record()
    assert record.result.outcome is Outcome.FINISHED
    assert not record.score.passed
    assert record.score.score < 0.6


def test_timeout_is_a_result_with_its_cost(lab):
    lab.play(agent=[GOOD_TURNS[0], {"say": "thinking " * 50, "stall_s": 120}])
    assert lab.run("--runs", "1", "--max-subtests", "1", "--timeout", "10").code == 0
    record = lab.record()
    assert record.result.outcome is Outcome.TIMED_OUT
    assert record.result.report.cost_usd is None
    assert record.agent_spend.requests == 2
    assert record.agent_spend.estimated
    assert record.agent_spend.cost_usd > 0
    assert record.score is not None


def test_run_that_reaches_its_own_cap_is_a_result_with_its_cost(lab):
    costly = {**GOOD_TURNS[0], "usage": {"output_tokens": 300_000}}
    lab.play(agent=[costly, GOOD_TURNS[1]])
    assert "max_cost_usd: 1" in (lab.case / "config.yaml").read_text()
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    record = lab.record()
    assert record.result.outcome is Outcome.OVER_BUDGET
    assert record.agent_spend.cost_usd > 1
    assert record.score is not None


def test_crash_is_a_result_and_is_graded(lab):
    crash = {"say": "Oops.", "tools": [{"name": "Bash", "input": {"command": "kill -9 $PPID"}}]}
    lab.play(agent=[GOOD_TURNS[0], crash, {"say": "never"}])
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    record = lab.record()
    assert (record.result.outcome, record.result.signal) == (Outcome.CRASHED, 9)
    assert record.score is not None
    assert record.agent_spend.cost_usd > 0


@pytest.mark.parametrize(
    ("status", "outcome", "attempts"),
    [(401, Outcome.AUTH_FAILED, 1), (429, Outcome.RATE_LIMITED, 2), (529, Outcome.PROVIDER_ERROR, 2)],
)
def test_provider_failures_are_gaps_and_never_zeros(lab, status, outcome, attempts):
    lab.play(agent=[{"error": {"status": status}}])
    run = lab.run("--runs", "1", "--max-subtests", "2", "--parallel", "1", "--retries", "1")
    assert run.code == 1
    record, other = sorted(lab.records(), key=lambda record: len(record.attempts), reverse=True)
    assert [attempt.outcome for attempt in record.attempts] == [outcome] * attempts
    assert record.result is None
    assert record.score is None
    assert len(other.attempts) == (0 if status == 401 else attempts), "a refused login stops the rest"
    assert "run_e2e_experiment.py" in run.stderr
    report = json.loads((lab.experiment / "report.json").read_text())
    assert len(report["gaps"]) == 2


def test_provider_failure_that_passes_is_retried_and_the_waste_is_counted(lab):
    failing = {"error": {"status": 529, "times": 2}}
    lab.play(agent=[GOOD_TURNS[0], {**GOOD_TURNS[1], **failing}])
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    record = lab.record()
    assert [attempt.outcome for attempt in record.attempts] == [Outcome.PROVIDER_ERROR, Outcome.FINISHED]
    assert record.wasted_spend.cost_usd > 0
    assert record.score.passed


def test_two_judges_are_both_asked(lab):
    lab.run("--runs", "1", "--max-subtests", "1", "--judge-model", "sonnet", "--judge-model", "haiku")
    assert [(verdict.judge_number, verdict.model) for verdict in lab.record().valid_verdicts] == [
        (1, "sonnet"),
        (2, "haiku"),
    ]


def test_subtests_of_t0_differ_on_the_wire(lab):
    assert lab.run("--runs", "1").code == 0
    requests = {number: first_request(lab, f"test-001/T0/{number}/run_01") for number in ("00", "01", "02")}
    own = {number: len(json.dumps(request["system"])) for number, request in requests.items()}
    assert own["00"] < 1000 < own["01"] < own["02"]
    laid = {number: "small, verified steps" in texts(request) for number, request in requests.items()}
    assert laid == {"00": False, "01": False, "02": True}
    for record in lab.records():
        assert "CLAUDE.md" not in record.grading.files_changed


def test_json_is_the_only_thing_on_standard_output(lab):
    run = lab.run("--runs", "1", "--max-subtests", "1", "--json")
    assert json.loads(run.stdout)["offline"] is True
    quiet = lab.run("--runs", "1", "--max-subtests", "1", "-q")
    assert quiet.code == 0
    assert quiet.stdout == ""


def test_dry_run_starts_and_writes_nothing(lab):
    run = lab.run("--runs", "3", "--dry-run", "--json")
    plan = json.loads(run.stdout)
    assert run.code == 0
    assert len(plan["runs"]) == len(set(plan["runs"])) == 9
    assert not lab.results.exists()


@pytest.mark.newest
def test_newest_cli_gives_the_same_records(lab):
    lab.run("--runs", "1", "--max-subtests", "1")
    pinned = lab.record()
    lab.claude = cli_binary("claude-newest")
    run = lab.run("--runs", "1", "--max-subtests", "1", "--model", "claude-sonnet-5-5")
    assert run.code == 0, run.stderr
    (record,) = read_experiment(max(lab.experiments()))[1]
    assert record.result.agent_version != pinned.result.agent_version
    assert record.result.outcome is Outcome.FINISHED
    assert record.score.score == pytest.approx(pinned.score.score)
    assert record.agent_spend.cost_usd == pytest.approx(record.result.report.cost_usd)


@pytest.mark.newest
@pytest.mark.parametrize(("status", "outcome"), [(401, Outcome.AUTH_FAILED), (429, Outcome.RATE_LIMITED)])
def test_newest_cli_and_provider_failures(lab, status, outcome):
    lab.claude = cli_binary("claude-newest")
    lab.play(agent=[{"error": {"status": status}}])
    assert lab.run("--runs", "1", "--max-subtests", "1", "--retries", "0").code == 1
    assert lab.record().attempts[0].outcome is outcome
