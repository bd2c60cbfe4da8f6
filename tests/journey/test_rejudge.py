"""Finished runs judged again with the real CLI: no agent is started, nothing is overwritten, nothing is paid twice."""

import gzip
import hashlib
import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest
import yaml
from laboratory import GOOD_TURNS, ROOT

from scylla.store.reading import read_experiment

pytestmark = pytest.mark.journey

ONE = ("--runs", "1", "--max-subtests", "1")


def contents(folder):
    """Every file of an experiment but what judging again adds, and the lock."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "rejudged" not in path.parts and not path.name.endswith(("-shm", "-wal", ".lock"))
    }


def scenario(lab, points, *, delay_s=0.0, **more):
    """A file in which the judge gives Q4 `points` and OQ1 twice as many."""
    items = {name: {"points": points * most, "reason": "r"} for name, most in (("Q4", 1), ("OQ1", 2))}
    turn = {"verdict": items | more, "delay_s": delay_s}
    path = lab.root / f"judge-{points}.yaml"
    content = {"schema_version": 1, "agent": {"turns": [{"say": "no agent is asked"}]}, "judge": {"turns": [turn]}}
    path.write_text(yaml.safe_dump(content))
    return path


def rejudge(lab, *words, folder=None):
    place = ("--work-dir", lab.root / "w", "--retry-wait", "0.1")
    return lab.finish(lab.scylla("rejudge", folder or lab.experiment, *place, *words))


def rejudgings(lab):
    return sorted((lab.experiment / "rejudged").glob("*/"))


def test_other_judges_judge_the_same_runs_and_the_original_stays(lab):
    assert lab.run("--runs", "2", "--max-subtests", "1").code == 0
    before, records = contents(lab.experiment), lab.records()
    words = ("--scenario", scenario(lab, 0.25), "--judge-model", "haiku", "--judge-model", "opus")
    planned = rejudge(lab, *words, "--dry-run", "--json")
    assert json.loads(planned.stdout)["calls"] == 4
    assert rejudgings(lab) == [], "a dry run writes nothing"
    done = rejudge(lab, *words, "--json")
    assert done.code == 0, done.stderr
    assert contents(lab.experiment) == before
    (folder,) = rejudgings(lab)
    meta, rejudged = read_experiment(folder)
    assert [[verdict.model for verdict in record.valid_verdicts] for record in rejudged] == [["haiku", "opus"]] * 2
    changes = json.loads(done.stdout)
    assert changes == json.loads((folder / "changes.json").read_text())
    assert (changes["offline"], changes["runs_compared"], changes["judges_after"]) == (True, 2, ["haiku", "opus"])
    for run, record in zip(changes["runs"], records, strict=True):
        assert run["before"]["score"] == pytest.approx(record.score.score)
        assert run["after"]["score"] < run["before"]["score"]
        assert run["after"]["items"]["F1"] == run["before"]["items"]["F1"], "checks are taken over"
    (q4,) = [item for item in changes["by_item"] if item["item_id"] == "Q4"]
    assert (q4["mean_after"], q4["changed_runs"]) == (0.25, 2)
    assert changes["cost_usd"] > 0
    assert "no agent was started" in done.stderr
    assert not list(folder.rglob("agent")), "no agent was started"
    assert meta.rejudging.experiment == lab.experiment.name
    assert "haiku" in (folder / "changes.md").read_text()
    page = (ROOT / "docs" / "reference" / "files.md").read_text()
    written = [path.name for path in folder.iterdir() if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
    assert [name for name in written if f"`{name}`" not in page] == []
    started = time.monotonic()
    again = rejudge(lab, *words)
    assert again.code == 0
    assert "0 call(s) to make" in again.stderr
    assert time.monotonic() - started < 20
    assert read_experiment(folder)[1] == rejudged
    assert rejudgings(lab) == [folder]


def test_killed_while_judging_again_it_goes_on_and_pays_no_verdict_twice(lab):
    assert lab.run("--runs", "2", "--max-subtests", "1").code == 0
    words = ("--scenario", scenario(lab, 0.5, delay_s=2.0), "--repeat", "2", "--parallel", "1")
    process = lab.scylla("rejudge", lab.experiment, "--work-dir", lab.root / "w", *words)
    lab.kill_when(process, lambda lab: _verdicts(lab) >= 1, number=signal.SIGKILL)
    first = _verdicts(lab)
    assert 1 <= first < 4
    done = rejudge(lab, *words)
    assert done.code == 0, done.stderr
    assert f"{4 - first} call(s) to make" in done.stderr
    (folder,) = rejudgings(lab)
    _, records = read_experiment(folder)
    verdicts = [verdict for record in records for verdict in record.verdicts]
    assert [verdict.is_valid for verdict in verdicts].count(True) == 4
    assert len(verdicts) <= 5, "one may have been at work when it was killed"
    report = json.loads((folder / "report.json").read_text())["judges"]
    (judge,) = report["by_judge"]
    assert judge["repeat_sd"] == pytest.approx(0.0, abs=1e-9), "the scenario always says the same"
    assert report["by_case"][0]["noise"]["source"] == "repeats"
    assert "runs of" in (folder / "report.md").read_text()


def _verdicts(lab):
    """How many verdicts have been recorded, as far as the folder is there yet."""
    folders = rejudgings(lab)
    if not folders or not (folders[0] / "plan.json").exists():
        return 0
    return sum(len(record.valid_verdicts) for record in read_experiment(folders[0])[1])


def test_another_rubric_grades_what_the_experiment_kept(lab):
    assert lab.run(*ONE).code == 0
    rubric = yaml.safe_load((lab.case / "expected" / "rubric.yaml").read_text())
    rubric["categories"]["overall_quality"]["items"].append(
        {"id": "NEW", "check": "The closing message is honest", "points": 4}
    )
    rubric["categories"]["functional"]["items"][0]["points"] = 2.0
    path = lab.root / "rubric.yaml"
    path.write_text(yaml.safe_dump(rubric))
    played = scenario(lab, 1.0, NEW={"points": 1, "reason": "r"})
    done = rejudge(lab, "--rubric", path, "--scenario", played)
    assert done.code == 0, done.stderr
    (folder,) = rejudgings(lab)
    (record,) = read_experiment(folder)[1]
    assert dict(record.score.points)["NEW"] == 1.0
    assert dict(record.score.points)["F1"] == 2.0, "the check's mark is worth what the new rubric gives for it"
    asked = (folder / record.key.label / "attempt_01" / "judge_01_call_01" / "prompt.md").read_text()
    assert "The closing message is honest" in asked
    assert (lab.case / "prompt.md").read_text().strip() in asked
    assert "only in the new rubric" in (folder / "changes.md").read_text()
    rubric["categories"]["functional"]["items"].append({"id": "F9", "check": "c", "points": 1, "run": "true"})
    path.write_text(yaml.safe_dump(rubric))
    refused = rejudge(lab, "--rubric", path)
    assert refused.code == 2
    assert "F9" in refused.stderr
    assert "workspaces are gone" in refused.stderr


def test_experiments_that_kept_no_prompt_are_judged_from_their_artefacts(lab):
    (lab.case / "expected" / "criteria.md").write_text("Short and plain.\n\n# A heading\n\nNothing else.\n")
    test = yaml.safe_load((lab.case / "test.yaml").read_text())
    test["validation"]["criteria_file"] = "expected/criteria.md"
    (lab.case / "test.yaml").write_text(yaml.safe_dump(test))
    assert lab.run(*ONE).code == 0
    with closing(sqlite3.connect(lab.experiment / "experiment.db")) as connection, connection:
        (text,) = connection.execute("SELECT value FROM meta WHERE name = 'experiment'").fetchone()
        old = json.loads(text)
        for name in ("prompt", "criteria"):
            del old["cases"][0][name]
        old.pop("rejudging")
        connection.execute("UPDATE meta SET value = ?", (json.dumps(old),))
    done = rejudge(lab)
    assert done.code == 0, done.stderr
    (folder,) = rejudgings(lab)
    (asked,) = [path.read_text() for path in folder.rglob("judge_01_call_01/prompt.md")]
    (original,) = [path.read_text() for path in lab.experiment.glob("test-001/**/judge_01_call_01/prompt.md")]
    assert asked == original


def test_new_instructions_reach_the_judge_and_live_costs_are_told_before(lab, provider):
    lab.env["ANTHROPIC_BASE_URL"] = provider.url(agent=GOOD_TURNS, judge=lab.judge_turns())
    assert lab.run(*ONE, live=True).code == 0
    planned = json.loads(rejudge(lab, "--repeat", "3", "--dry-run", "--json").stdout)
    (record,) = lab.records()
    assert planned["expected_cost_usd"] == pytest.approx(3 * record.judge_spend.cost_usd)
    assert planned["offline"] is False
    instructions = lab.root / "instructions.md"
    instructions.write_text("You grade a piece of software work. Be twice as strict as usual.\n")
    done = rejudge(lab, "--prompt", instructions)
    assert done.code == 0, done.stderr
    assert "Live, paid by" in done.stderr
    (folder,) = rejudgings(lab)
    (request,) = [gzip.decompress(path.read_bytes()) for path in folder.rglob("exchange-0001-request.json.gz")]
    assert b"twice as strict" in request
    assert rejudge(lab).code == 0
    assert len(rejudgings(lab)) == 2, "other instructions are another rejudging"


def test_nothing_to_judge_and_folders_that_are_no_experiment_are_refused(lab):
    assert rejudge(lab, folder=lab.root / "nowhere").code == 3
    lab.play(agent=[{"error": {"status": 401}}])
    assert lab.run(*ONE).code == 1
    refused = rejudge(lab)
    assert refused.code == 2
    assert "no run that could be judged again" in refused.stderr
