"""Set-ups on their way to the real CLI: a person's own, those inherited from winners, and those that do not arrive."""

import gzip
import json
import subprocess

import pytest
from laboratory import GOOD_TURNS

from scylla.config.tiers import load_tier
from scylla.domain.outcome import Outcome
from scylla.domain.tier import merged
from scylla.store.reading import read_experiment

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

PRIVATE = "A-LINE-FROM-THE-PERSONS-OWN-HOME"
OF_THE_CASE = "A-LINE-THAT-THE-REPOSITORY-BROUGHT-ALONG"


def first_request(lab, label):
    (path,) = lab.experiment.glob(f"{label}/attempt_01/agent/exchange-0001-request.json.gz")
    return gzip.decompress(path.read_bytes()).decode()


def git(folder, *words):
    identity = ("-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_set_ups_of_ones_own_are_compared_in_one_command(lab):
    here = lab.root / "here"
    git(here, "init", "-q")
    (here / "CLAUDE.md").write_text("- THE-OLD-RULE\n")
    (here / "other.py").write_text("not a part of any set-up\n")
    git(here, "add", ".")
    git(here, "commit", "-qm", "old")
    (here / "CLAUDE.md").write_text("- THE-NEW-RULE\n")
    (here / ".claude" / "skills" / "hum").mkdir(parents=True)
    (here / ".claude/skills/hum/SKILL.md").write_text("---\nname: hum\ndescription: Hums a tune.\n---\nHum.\n")
    for name in (".claude/CLAUDE.md", ".claude/skills/private/SKILL.md", ".claude/agents/private.md"):
        (lab.root / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        (lab.root / "home" / name).write_text(f"---\nname: private\ndescription: {PRIVATE}\n---\n{PRIVATE}\n")
    (lab.case / "workspace" / "CLAUDE.md").write_text(OF_THE_CASE)
    (lab.case / "workspace" / "sub" / ".claude").mkdir(parents=True)
    (lab.case / "workspace" / "sub" / ".claude" / "settings.json").write_text("{}")
    tools = [{"name": "Bash", "input": {"command": "git status --porcelain; ls -A; ls sub; git add -A; touch new.txt"}}]
    lab.play(agent=[{"say": "Looking.", "tools": tools}, *GOOD_TURNS])

    run = lab.compare("HEAD", ".", "none")
    assert run.code == 0, run.stderr
    old, new, none = (first_request(lab, f"test-001/S/{number}/run_01") for number in ("00", "01", "02"))
    assert ("THE-OLD-RULE" in old, "THE-NEW-RULE" in old, "- hum: " in old) == (True, False, False)
    assert ("THE-OLD-RULE" in new, "THE-NEW-RULE" in new, "- hum: " in new) == (False, True, True)
    assert "RULE" not in none
    for request in (old, new, none):
        assert PRIVATE not in request
        assert OF_THE_CASE not in request
    for record in lab.records():
        assert record.grading.files_changed == ("hello.py", "new.txt"), "no file of a set-up or of the case's own"
        said = (lab.experiment / record.key.label / "attempt_01" / "agent" / "stdout.jsonl").read_text()
        assert " CLAUDE.md" not in said, "git status shows neither what was laid over nor what was taken out"
    names = [subtest.name for subtest in lab.meta().subtests]
    assert names[0].startswith("HEAD (")
    assert names[1:] == [".", "none"]
    report = (lab.experiment / "report.md").read_text()
    assert "## Set-ups compared" in report
    assert "too few runs" in run.stderr
    assert lab.compare("HEAD", ".", "none").code == 0
    assert len(lab.experiments()) == 1, "the same comparison goes on with the same experiment"


def test_winners_are_taken_over_and_never_picked_anew(lab):
    chosen = ("T0/01", "T0/07", "T1/02", "T5/11", "T5/07")
    assert lab.run("--subtests", *chosen, "--runs", "1", timeout_s=300).code == 0
    meta, records = read_experiment(lab.experiment)
    winners = {winner.tier: winner for winner in meta.winners}
    assert set(winners) == {"T0", "T1"}
    setups = {subtest.label: subtest.setup for tier in ("T0", "T1", "T5") for subtest in load_tier(tier).subtests}
    expected = merged([setups[winners["T0"].label], setups[winners["T1"].label], setups["T5/11"]])
    (heir,) = [record for record in records if (record.key.tier, record.key.subtest) == ("T5", "11")]
    assert heir.result.setup_digest == expected.digest
    others = [record.result.started_at for record in records if record.key != heir.key]
    assert heir.result.started_at > max(others), "the runs that decide come first"
    assert all(f"- {name}: " in first_request(lab, heir.key.label) for name in expected.skills)
    report = (lab.experiment / "report.md").read_text()
    assert f"T5/11 takes {winners['T0'].label}, {winners['T1'].label}." in report
    assert "too high in expectation" in report
    # More runs later: who won stays, whatever the new runs say.
    assert lab.run("--subtests", *chosen, "--runs", "2", timeout_s=300).code == 0
    assert lab.meta().winners == meta.winners

    first = lab.experiment
    lab.results_name = "later"
    refused = lab.run("--subtests", "T5/11", "--runs", "1")
    assert refused.code == 2
    assert "--tiers T0 T1 T5" in refused.stderr
    assert "--winners-from" in refused.stderr
    assert lab.run("--subtests", "T5/11", "--runs", "1", "--winners-from", str(first)).code == 0
    (taken,) = lab.records()
    assert [winner.taken_from for winner in lab.meta().winners] == [first.name] * 2
    assert taken.result.setup_digest


def test_winners_wait_for_every_run_that_decides(lab):
    """One judge that never answers leaves a run unscored: the heir is not run, and nothing is paid for it."""
    lab.play(judge=[{"say": "I would rather not."}])
    run = lab.run("--subtests", "T0/01", "T5/01", "--runs", "1", "--retries", "0")
    assert run.code == 1
    assert "T5/01 cannot be run yet: 1 run(s) of T0 have no score" in run.stderr
    heir = next(record for record in lab.records() if record.key.tier == "T5")
    assert (heir.attempts, heir.lost_attempts) == ((), 0)
    assert lab.meta().winners == ()


def test_an_agent_whose_server_does_not_start_is_no_result(lab):
    own = lab.root / "own"
    (own / "t2").mkdir(parents=True)
    (own / "library").mkdir()
    (own / "t2" / "tier.yaml").write_text(
        'name: Mine\nsubtests:\n  - {id: "00", name: Broken, mcp_servers: [broken]}\n'
        '  - {id: "01", name: Missing, mcp_servers: [missing]}\n'
    )
    (own / "library" / "mcp_servers.yaml").write_text(
        "servers:\n  broken: {description: Ends at once, command: 'false'}\n"
        "  missing: {description: Is not there, command: no-such-program}\n"
    )
    chosen = ("--tiers", "T2", "--tiers-from", str(own), "--runs", "1", "--retries", "0")
    refused = lab.run(*chosen)
    assert refused.code == 3
    assert "missing (no-such-program)" in refused.stderr
    run = lab.run("--tiers-from", str(own), "--runs", "3", "--subtests", "T2/00", "--parallel", "1")
    assert run.code == 1
    record, *others = sorted(lab.records(), key=lambda record: -len(record.attempts))
    assert record.result is None
    assert record.attempts[0].outcome is Outcome.SANDBOX_FAILED
    assert len(record.attempts) == 1, "what did not arrive once would only be paid again"
    assert [other.attempts for other in others] == [(), ()]
    assert "did not reach the agent: MCP server broken (failed)" in record.attempts[0].detail


def test_what_it_will_cost_is_said_before_money_is_spent(lab):
    everything = ("--tiers", "all", "--runs", "10", "--dry-run")
    unknown = lab.run(*everything)
    assert unknown.code == 0, unknown.stderr
    assert "120 subtests × 10 runs = 1,200 runs per case" in unknown.stderr
    assert "Expected cost and time: unknown" in unknown.stderr
    assert lab.run("--subtests", "T0/01", "--runs", "2", timeout_s=200).code == 0
    spent_usd = sum(record.agent_spend.cost_usd + record.judge_spend.cost_usd for record in lab.records())
    known = json.loads(lab.run(*everything, "--json").stdout)
    assert (known["runs_per_case"], known["runs_left"]) == (1200, 1198)
    assert known["forecast"]["cost_usd"]["expected"] == pytest.approx(spent_usd / 2 * 1198)
    assert known["forecast"]["cost_usd"]["low"] <= known["forecast"]["cost_usd"]["expected"]
    assert (known["forecast"]["like_runs"], known["forecast"]["past_runs"]) == (8, 2)
    designs = {design["words"]: design["runs"] for design in known["smaller_designs"]}
    assert designs["--runs 3"] == 360
    assert designs["--max-subtests 3"] == 190
    assert len(lab.experiments()) == 1
