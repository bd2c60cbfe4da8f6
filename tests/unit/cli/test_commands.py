"""Commands as people and programs call them: exit codes, one JSON document on stdout, errors with their fix."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from command_line import CASES, scylla

from scylla.cli.machine import require_programs
from scylla.cli.output import money, printable, span
from scylla.config.cases import load_cases
from scylla.errors import MachineError


def test_check_of_a_good_case(tmp_path):
    done = scylla("check", CASES / "test-001", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 usable case(s); 0 error(s)" in done.stderr
    document = json.loads(scylla("check", CASES / "test-001", "--json", cwd=tmp_path).stdout)
    assert document == {"cases": ["test-001"], "subtests": 0, "errors": 0, "problems": []}


def test_check_names_everything_at_once(tmp_path):
    case = tmp_path / "case"
    case.mkdir()
    (case / "test.yaml").write_text("id: x\nlanguag: python\n")
    done = scylla("check", case, tmp_path / "nothing", "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert done.returncode == 2
    assert document["errors"] == len([entry for entry in document["problems"] if entry["severity"] == "error"]) >= 3
    assert {"file", "key", "reason", "fix", "severity"} == set(document["problems"][0])
    assert any("language" in entry["fix"] or "language" in entry["reason"] for entry in document["problems"])


def test_a_program_that_checks_need_and_the_machine_lacks_is_told_before_anything_is_paid(tmp_path):
    case = tmp_path / "case"
    shutil.copytree(CASES / "test-001", case)
    for file, old, new in (
        ("test.yaml", "validation:", "validation:\n  requires: [sh, no-such-tool]"),
        ("expected/rubric.yaml", "run: test -f hello.py", "requires: [other-tool]\n        run: test -f hello.py"),
    ):
        (case / file).write_text((case / file).read_text().replace(old, new, 1))
    done = scylla("check", case, "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert (done.returncode, document["errors"], document["cases"]) == (0, 0, ["test-001"])
    told = [entry["reason"] for entry in document["problems"]]
    assert "case test-001 needs no-such-tool" in told[0]
    assert "check F1 needs other-tool" in told[1]
    with pytest.raises(MachineError, match=r"case test-001 needs no-such-tool; .*check F1 needs other-tool"):
        require_programs(load_cases([case]).cases, os.environ)


def test_check_of_own_tiers(tmp_path):
    tier = tmp_path / "tiers" / "t0"
    tier.mkdir(parents=True)
    (tier / "tier.yaml").write_text(
        "schema_version: 1\nname: Mine\ndescription: d\nsubtests:\n"
        '  - {id: "00", name: n, description: d, system_prompt: custom, system_prompt_text: Be brief.}\n'
    )
    done = scylla("check", tmp_path / "tiers", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 subtest(s)" in done.stderr
    shown = json.loads(scylla("tiers", "t0", "--tiers-from", tmp_path / "tiers", "--json", cwd=tmp_path).stdout)
    assert [(entry["subtest"], entry["system_prompt_text"]) for entry in shown] == [("T0/00", "Be brief.")]
    (tier / "tier.yaml").write_text("subtests: 5\n")
    assert scylla("check", tmp_path / "tiers", cwd=tmp_path).returncode == 2


def test_tiers_and_cases_are_listed(tmp_path):
    shown = scylla("tiers", "T0", cwd=tmp_path).stdout
    assert "T0/02" in shown
    assert "small, verified steps" in shown, "the text the agent gets"
    assert scylla("tiers", "T9", cwd=tmp_path).returncode == 2
    (case,) = json.loads(scylla("cases", CASES / "test-001", "--json", cwd=tmp_path).stdout)
    assert (case["id"], case["items"], case["checks"]) == ("test-001", 17, 15)


def test_doctor_without_an_agent_cli_says_how_to_get_it(tmp_path):
    missing = tmp_path / "missing"
    done = scylla("doctor", "--work-dir", tmp_path / "w", cwd=tmp_path, SCYLLA_CLAUDE=str(missing))
    assert done.returncode == 3
    assert str(missing) in done.stderr.replace("\n", "").replace(" ", "") or "SCYLLA_CLAUDE" in done.stderr


@pytest.mark.parametrize("prints", ["nothing", "1.0.0 (Claude Code)"])
def test_doctor_with_a_cli_that_is_none_or_too_old(tmp_path, prints):
    program = tmp_path / "claude"
    program.write_text(f"#!/bin/sh\necho '{prints}'\n")
    program.chmod(0o755)
    done = scylla("doctor", "--json", "--work-dir", tmp_path / "w", cwd=tmp_path, SCYLLA_CLAUDE=str(program))
    assert done.returncode == 3
    (finding,) = [entry for entry in json.loads(done.stdout)["findings"] if "agent CLI" in entry["what"]]
    assert finding["state"] == "missing"
    assert "quickstart" in finding["fix"]


def test_report_of_what_is_no_experiment(tmp_path):
    done = scylla("report", tmp_path, cwd=tmp_path)
    assert done.returncode == 3
    assert "no experiment" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tiers", "T8"], "no tier"),
        (["--tiers", "T6", "--tiers-from", "."], "no tier T6"),
        (["--tiers", "T5"], "--tiers T0 T1 T2 T3 T4 T5"),
        (["--subtests", "T5/02"], "T5/02 take the winner of T1"),
        (["--subtests", "T0/01", "--winners-from", "."], "--winners-from means nothing here"),
        (["--subtests", "T0/77"], "T0/77"),
        (["--agent", "other"], "claude-code"),
    ],
)
def test_run_refuses_what_it_does_not_know(tmp_path, words, said):
    done = scylla("run", "--tiers-dir", CASES, *words, "--offline", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "results").exists()


def test_work_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    done = scylla("run", "--tiers-dir", CASES, "--offline", "--work-dir", tmp_path / "file" / "w", cwd=tmp_path)
    assert done.returncode == 3
    assert "--work-dir" in done.stderr


@pytest.mark.parametrize("name", ["CLAUDE.md", ".claude/CLAUDE.md", ".claude/rules/mine.md"])
def test_work_folder_below_instructions_that_every_agent_would_be_given(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("Be brief.\n")
    done = scylla("run", "--tiers-dir", CASES, "--offline", "--work-dir", tmp_path / "deep" / "w", cwd=tmp_path)
    assert done.returncode == 3
    assert "would be given" in done.stderr


def test_winners_of_a_tier_that_no_case_is_meant_for_are_refused_before_anything_is_paid(tmp_path):
    shutil.copytree(CASES / "test-001", tmp_path / "case")
    file = tmp_path / "case" / "test.yaml"
    file.write_text(file.read_text().replace("tiers: [T0, T1, T2, T3, T4, T5, T6]", "tiers: [T0, T5]"))
    words = ("--tiers-dir", tmp_path / "case", "--subtests", "T0/01", "T1/01", "T5/11", "--offline")
    done = scylla("run", *words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "winners of T1 are to be taken, but no case" in done.stderr


def test_a_file_of_a_git_ref_is_no_set_up(tmp_path):
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@localhost")
    (tmp_path / "CLAUDE.md").write_text("Be brief.\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "one")):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    done = scylla("compare-setups", "HEAD:CLAUDE.md", "none", "--tiers-dir", CASES, "--offline", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "HEAD:CLAUDE.md is neither a folder nor a git ref of one" in done.stderr


def test_reader_that_goes_away_is_no_crash(tmp_path):
    command = f"{sys.executable} -m scylla tiers T0 --json | head -c 1"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_untrusted_text_cannot_command_the_terminal():
    assert printable("a\x1b[2Jb\r\nc\u202ed é") == "a [2Jb \nc d é"


def test_amounts_and_durations():
    assert [money(None), money(0.0), money(0.12345), money(12.345)] == ["?", "$0.0000", "$0.1235", "$12.35"]
    assert [span(None), span(3.25), span(100), span(3725)] == ["-", "3.2 s", "1 min 40 s", "1 h 02 min"]
