"""Nothing lost, nothing paid twice: interrupted, killed and extended experiments with the real CLI."""

import gzip
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from laboratory import FAKE_KEY, GOOD_TURNS

from scylla.domain.outcome import Outcome
from scylla.gateway.recording import read_exchanges

pytestmark = pytest.mark.journey

SLOW = [GOOD_TURNS[0], {**GOOD_TURNS[1], "delay_s": 3.0}]


def essence(record):
    """What must not depend on what happened in between."""
    score = record.score
    return (
        record.key,
        record.result.outcome,
        score.score,
        score.grade,
        score.points,
        record.agent_spend.by_model,
        record.judge_spend.by_model,
        record.grading.files_changed,
        record.grading.patch_digest,
    )


def files_holding(secret: str, folder: Path) -> list[Path]:
    found = []
    for path in filter(Path.is_file, folder.rglob("*")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if secret.encode() in content:
            found.append(path)
    return found


def undisturbed(lab, tmp_path, **scenario):
    """The record of the same experiment, left in peace, in a folder of its own."""
    lab.play(**scenario)
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    record = lab.record()
    lab.experiment.rename(tmp_path / "undisturbed")
    return record


def agent_is_at_work(lab):
    folders = list(lab.experiment.glob("test-001/T0/*/run_01/attempt_01/agent"))
    return any(len(read_exchanges(folder)) >= 2 for folder in folders)


def judge_is_at_work(lab):
    return any(read_exchanges(folder) for folder in lab.experiment.glob("**/judge_01_call_01"))


def processes_of(lab):
    """Living processes that were started for this lab's agents."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if str(lab.root / "w").encode() in file.read():
                    found.append(pid)
        except OSError:
            continue
    return found


def assert_nothing_left_running(lab):
    until = time.monotonic() + 15
    while processes_of(lab) and time.monotonic() < until:
        time.sleep(0.1)
    assert not processes_of(lab)


def test_kill_in_the_middle_of_an_agent(lab, tmp_path):
    expected = undisturbed(lab, tmp_path, agent=SLOW)
    process = lab.start("--runs", "1", "--max-subtests", "1")
    lab.kill_when(process, agent_is_at_work)
    assert_nothing_left_running(lab)
    assert lab.record().result is None
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    record = lab.record()
    assert essence(record) == essence(expected)
    assert record.lost_attempts == 1
    assert record.lost_spend.cost_usd > 0, "what the lost attempt had cost is known"


def test_kill_in_the_middle_of_a_judge(lab, tmp_path):
    slow_judge = [{**turn, "delay_s": 3.0} for turn in lab.judge_turns()]
    expected = undisturbed(lab, tmp_path, judge=slow_judge)
    process = lab.start("--runs", "1", "--max-subtests", "1")
    lab.kill_when(process, judge_is_at_work)
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    record = lab.record()
    assert len(record.attempts) == 1, "the agent is not paid again"
    assert record.lost_attempts == 0
    assert [verdict.is_valid for verdict in record.verdicts] == [False, True]
    assert record.score == expected.score
    assert record.agent_spend == expected.agent_spend


def test_killed_again_and_again_it_still_ends_with_every_run_once(lab):
    chance = random.Random(5)
    arguments = ("--runs", "2", "--max-subtests", "2", "--parallel", "2")
    for _ in range(5):
        process = lab.start(*arguments)
        time.sleep(chance.uniform(0.5, 2.5))
        process.kill()
        lab.finish(process)
    assert_nothing_left_running(lab)
    assert lab.run(*arguments).code == 0
    records = lab.records()
    assert len(records) == len({record.key for record in records}) == 4
    for record in records:
        assert record.score.passed
        assert len(record.attempts) == 1
        assert len(record.valid_verdicts) == 1


def test_interrupt_stops_the_agents_and_the_printed_command_continues(lab):
    lab.play(agent=SLOW)
    process = lab.start("--runs", "1", "--max-subtests", "1")
    run = lab.kill_when(process, agent_is_at_work, number=signal.SIGINT)
    assert run.code == 130
    assert_nothing_left_running(lab)
    assert "run_e2e_experiment.py" in run.stderr
    (cancelled,) = lab.record().attempts
    assert cancelled.outcome is Outcome.CANCELLED
    assert cancelled.spend.cost_usd > 0
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    assert [attempt.outcome for attempt in lab.record().attempts] == [Outcome.CANCELLED, Outcome.FINISHED]


def test_same_command_again_does_nothing(lab):
    lab.run("--runs", "1", "--max-subtests", "1")
    before = lab.record()
    started = time.monotonic()
    assert lab.run("--runs", "1", "--max-subtests", "1").code == 0
    assert time.monotonic() - started < 20
    assert lab.record() == before


def test_more_runs_and_subtests_only_add(lab):
    lab.run("--runs", "1", "--max-subtests", "1")
    before = lab.record()
    assert lab.run("--runs", "2", "--max-subtests", "2").code == 0
    records = {record.key: record for record in lab.records()}
    assert records[before.key] == before
    assert sorted((key.subtest, key.run_number) for key in records) == [("00", 1), ("00", 2), ("01", 1), ("01", 2)]


def test_fresh_starts_beside_and_deletes_nothing(lab):
    lab.run("--runs", "1", "--max-subtests", "1")
    lab.run("--runs", "1", "--max-subtests", "1", "--fresh")
    assert len(lab.experiments()) == 2


def test_changed_case_is_another_experiment_and_says_so(lab):
    lab.run("--runs", "1", "--max-subtests", "1")
    with (lab.case / "prompt.md").open("a") as prompt:
        prompt.write("\nBe quick.\n")
    run = lab.run("--runs", "1", "--max-subtests", "1")
    assert len(lab.experiments()) == 2
    assert "test-001 has changed" in run.stderr


def test_live_and_offline_never_mix(lab, provider):
    lab.run("--runs", "1", "--max-subtests", "1")
    lab.env["ANTHROPIC_BASE_URL"] = provider.url(agent=GOOD_TURNS, judge=lab.judge_turns())
    assert lab.run("--runs", "1", "--max-subtests", "1", live=True).code == 0
    assert len(lab.experiments()) == 2


def test_nonsense_of_a_judge_leaves_the_run_unscored_until_it_is_judged_again(lab, provider):
    arguments = ("--runs", "1", "--max-subtests", "1")
    lab.env["ANTHROPIC_BASE_URL"] = provider.url(agent=GOOD_TURNS, judge=[{"say": "85 % I would say, passed!"}])
    run = lab.run(*arguments, live=True)
    assert run.code == 1
    record = lab.record()
    assert record.result is not None
    assert record.score is None
    assert record.judge_spend.cost_usd > 0
    assert [verdict.is_valid for verdict in record.verdicts] == [False, False], "it was asked once more"
    (unscored,) = json.loads((lab.experiment / "report.json").read_text())["unscored"]
    assert "the judge gave no structured answer" in unscored["reason"]
    lab.env["ANTHROPIC_BASE_URL"] = provider.url(agent=[{"error": {"status": 500}}], judge=lab.judge_turns())
    assert lab.run(*arguments, live=True).code == 0, "the agent is not asked again"
    record = lab.record()
    assert len(record.attempts) == 1
    assert [verdict.is_valid for verdict in record.verdicts] == [False, False, True]
    assert record.score.passed


def test_secret_of_the_login_is_nowhere_in_the_results(lab, provider):
    look = {"name": "Bash", "input": {"command": "env; cat /proc/$PPID/environ"}}
    lab.env["ANTHROPIC_BASE_URL"] = provider.url(
        agent=[{"say": "x", "tools": [look]}, {"say": "y"}], judge=lab.judge_turns()
    )
    run = lab.run("--runs", "1", "--max-subtests", "1", "-v", live=True)
    assert FAKE_KEY not in run.stdout + run.stderr
    assert not files_holding(FAKE_KEY, lab.results)


def test_two_runners_of_one_experiment_do_not_meet(lab):
    lab.play(agent=SLOW)
    first = lab.start("--runs", "1", "--max-subtests", "1")
    until = time.monotonic() + 30
    while not lab.experiments() and time.monotonic() < until:
        time.sleep(0.05)
    second = lab.run("--runs", "1", "--max-subtests", "1")
    assert second.code in (2, 3)
    assert "other" in second.stderr or "already" in second.stderr
    assert lab.finish(first).code == 0


def test_stored_login_pays_and_no_agent_ever_holds_it(lab, provider):
    token = "sk-ant-oat01-an-access-token-that-was-invented"
    stored = lab.root / "home" / ".claude" / ".credentials.json"
    stored.parent.mkdir()
    login = {"accessToken": token, "expiresAt": 4_000_000_000_000, "scopes": ["user:inference"]}
    stored.write_text(json.dumps({"claudeAiOauth": login}))
    del lab.env["ANTHROPIC_API_KEY"]
    look = {"name": "Bash", "input": {"command": "cat /proc/$PPID/environ ~/.claude/.credentials.json"}}
    seen = []
    with provider.listening(seen, agent=[{"tools": [look]}, *GOOD_TURNS], judge=lab.judge_turns()) as url:
        lab.env["ANTHROPIC_BASE_URL"] = url
        run = lab.run("--runs", "1", "--max-subtests", "1", live=True)
    assert run.code == 0, run.stderr
    assert len(seen) >= 4
    assert {headers.get("Authorization") for headers in seen} == {f"Bearer {token}"}
    assert not [headers for headers in seen if "x-api-key" in {name.lower() for name in headers}]
    assert not files_holding(token, lab.results)


@pytest.mark.parametrize(("expires_in_s", "words"), [(60, "ends at"), (-60, "has ended")])
def test_login_that_cannot_last_is_refused_before_anything_is_paid(lab, provider, expires_in_s, words):
    stored = lab.root / "home" / ".claude" / ".credentials.json"
    stored.parent.mkdir()
    login = {"accessToken": "sk-ant-oat01-invented", "expiresAt": int((time.time() + expires_in_s) * 1000)}
    stored.write_text(json.dumps({"claudeAiOauth": login}))
    del lab.env["ANTHROPIC_API_KEY"]
    lab.env["ANTHROPIC_BASE_URL"] = provider.url(agent=GOOD_TURNS, judge=lab.judge_turns())
    run = lab.run("--runs", "1", "--max-subtests", "1", live=True)
    assert run.code == 3
    assert words in run.stderr
    assert "setup-token" in run.stderr
    assert lab.experiments() == []
