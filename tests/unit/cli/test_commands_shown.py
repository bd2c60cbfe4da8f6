"""What the commands show is complete, safe to look at, and what programs read is one JSON document."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from command_line import CASES, ROOT, scylla

from scylla.cli.output import command_again
from scylla.domain.case import Case, Source, SourceKind
from scylla.domain.plan import Conditions, make_plan
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Item, Rubric, Scoring
from scylla.domain.tier import Setup, Subtest
from scylla.store.store import Store

HOSTILE = '"[/red] :smile: [bold]x \\e[2J end"'
TIER = """schema_version: 1
name: Mine
description: d
subtests:
  - {{id: "00", name: {name}, description: "[/b] d", system_prompt: custom, system_prompt_text: "[i]Be brief.[/b]"}}
"""


@pytest.fixture
def tiers(tmp_path):
    folder = tmp_path / "mine"
    (folder / "t0").mkdir(parents=True)
    (folder / "t0" / "tier.yaml").write_text(TIER.format(name=HOSTILE))
    return folder


@pytest.fixture
def experiment(tmp_path):
    """An experiment of which no run was started."""
    rubric = Rubric(
        categories=(Category(name="c", weight=1, items=(Item(id="i", text="", points=1, scoring=Scoring.BINARY),)),),
        pass_threshold=0.6,
        grade_scale=DEFAULT_GRADE_SCALE,
    )
    case = Case(
        id="case-1", name="Case", description="", language="any", folder=tmp_path,
        source=Source(kind=SourceKind.FOLDER, location="/c", commit=None), prompt="p", criteria="", rubric=rubric,
        timeout_s=1.0, max_cost_usd=None, tiers=(), tags=(), offline_file=None, digest="d",
    )  # fmt: skip
    conditions = Conditions(
        agent="claude-code", agent_version="1.2.3", model="sonnet", judge_models=("sonnet",), offline=True,
        timeout_s=None, case_digests=(("case-1", "d"),),
    )  # fmt: skip
    subtest = Subtest(tier="T0", id="00", name="[/red] name", description="", setup=Setup())
    plan = make_plan(name="case-1", conditions=conditions, cases=[case], subtests=[subtest], runs_per_subtest=2, seed=1)
    folder = tmp_path / "results" / "experiment"
    Store.create(folder, plan, created_at="2026-01-02T03:04:05+00:00").close()
    return folder


def one_document(done):
    """What stands on standard output, which must be one JSON document without bare NaN."""
    return json.loads(done.stdout, parse_constant=pytest.fail)


def test_texts_of_cases_are_shown_as_they_are(tmp_path):
    case = tmp_path / "test-001"
    shutil.copytree(CASES / "test-001", case)
    lines = (case / "test.yaml").read_text().splitlines()
    (case / "test.yaml").write_text("\n".join(f"name: {HOSTILE}" if x.startswith("name:") else x for x in lines))
    done = scylla("cases", case, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[/red]" in done.stdout
    assert ":smile:" in done.stdout
    assert "\x1b" not in done.stdout
    (listed,) = one_document(scylla("cases", case, "--json", cwd=tmp_path))
    assert listed["name"] == "[/red] :smile: [bold]x \x1b[2J end"


def test_texts_of_tiers_are_shown_as_they_are_and_in_full(tmp_path, tiers):
    listed = scylla("tiers", "T0", "--tiers-from", tiers, cwd=tmp_path)
    assert listed.returncode == 0
    assert "[/red]" in listed.stdout
    done = scylla("tiers", "t0/0", "--tiers-from", tiers, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[/red]" in done.stdout
    assert "system prompt ─" in done.stdout
    assert "\n[i]Be brief.[/b]\n" in done.stdout
    assert "\x1b" not in done.stdout


def test_built_in_texts_keep_their_lines(tmp_path):
    text = list((ROOT / "scylla" / "tiers" / "library" / "blocks").glob("*.md"))
    shown = scylla("tiers", "T0/03", cwd=tmp_path).stdout
    assert len(text) == 18
    assert all(line.rstrip() in shown for path in text for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tiers", "--tiers-from", "nowhere"], "nowhere holds no tiers"),
        (["tiers", "T8"], "there is no tier T8"),
        (["tiers", "nonsense", "--json"], "there is no tier NONSENSE"),
        (["tiers", "T3/99"], "there is no subtest T3/99"),
        (["cases", "nowhere"], "does not exist"),
        (["cases", "nowhere", "--json"], "does not exist"),
        (["check", "."], "is no case"),
    ],
)
def test_what_is_not_there_is_bad_input_with_a_way_out(tmp_path, words, said):
    done = scylla(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "→" in done.stderr
    assert "None" not in done.stderr


def test_check_takes_a_folder_of_tiers_and_the_folder_of_one(tmp_path, tiers):
    for words in ([tiers], [tiers / "t0"], [tiers, tiers / "t0", f"{tiers}/."]):
        done = scylla("check", *words, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert one_document(done) == {"cases": [], "subtests": 1, "errors": 0, "problems": []}
    (tiers / "t0" / "tier.yaml").write_text(TIER.format(name=HOSTILE).replace("custom", "costum"))
    done = scylla("check", tiers / "t0", CASES / "test-001", "--json", cwd=tmp_path)
    document = one_document(done)
    assert (done.returncode, document["cases"]) == (2, ["test-001"])
    assert any("custom" in problem["fix"] + problem["reason"] for problem in document["problems"])


def test_doctor_names_places_that_are_no_folders_and_shows_paths_in_full(tmp_path):
    long = tmp_path / ("a-very-long-name-" * 10) / "claude"
    (tmp_path / "file").write_text("")
    words = ("doctor", "--results-dir", tmp_path / "file", "--work-dir", tmp_path / "w")
    done = scylla(*words, cwd=tmp_path, SCYLLA_CLAUDE=str(long))
    assert (done.returncode, done.stdout) == (3, "")
    assert "2 thing(s) missing" in done.stderr
    assert str(long) in "".join(done.stderr.split())
    document = one_document(scylla(*words, "--json", cwd=tmp_path, SCYLLA_CLAUDE=str(long)))
    states = {finding["what"]: finding["state"] for finding in document["findings"]}
    assert document["ok"] is False
    assert states["results"] == states["agent CLI (claude-code)"] == "missing"
    assert all(finding["fix"] for finding in document["findings"] if finding["state"] == "missing")


@pytest.mark.parametrize("content", ["#!/bin/sh\nexit 1\n", "#!/nowhere/interpreter\n", "no program at all\n"])
def test_doctor_with_a_cli_that_does_not_run(tmp_path, content):
    program = tmp_path / "claude"
    program.write_text(content)
    program.chmod(0o755)
    done = scylla("doctor", "--work-dir", tmp_path / "w", cwd=tmp_path, SCYLLA_CLAUDE=str(program))
    assert done.returncode == 3
    assert "gave no version" in done.stderr
    assert "quickstart" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_without_any_cli_says_how_to_get_it(tmp_path):
    # The checkout's own CLI would be found, so a copy of the package stands in for a fresh checkout.
    shutil.copytree(ROOT / "scylla", tmp_path / "scylla", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "bin").mkdir()
    done = scylla(
        "doctor", "--work-dir", tmp_path / "w", cwd=tmp_path, PATH=str(tmp_path / "bin"), PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 3
    assert "`claude` is not installed" in done.stderr
    assert "scripts/quickstart.sh" in done.stderr
    assert "git" in done.stderr


def test_report_shows_what_is_missing_and_ends_with_1(tmp_path, experiment):
    done = scylla("report", experiment, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "2 of 2 planned runs have no score" in done.stderr
    assert "[/red] name" in done.stderr
    document = one_document(scylla("report", experiment, "--json", cwd=tmp_path))
    assert (document["totals"]["gaps"], document["continue_with"]) == (2, None)


def test_report_keeps_the_command_that_the_run_had_written(tmp_path, experiment):
    command = "python scripts/run_e2e_experiment.py --tiers-dir 'my cases'"
    (experiment / "report.json").write_text(json.dumps({"continue_with": command}))
    done = scylla("report", experiment, cwd=tmp_path)
    assert command in done.stderr
    assert command in (experiment / "report.md").read_text()
    assert json.loads((experiment / "report.json").read_text())["continue_with"] == command


@pytest.mark.parametrize("broken", ["", "[]", '{"continue_with": 5}', "\udcff"])
def test_latest_report_that_cannot_be_read_is_written_anew(tmp_path, experiment, broken):
    (experiment / "report.json").write_bytes(broken.encode("utf-8", "surrogateescape"))
    assert scylla("report", experiment, cwd=tmp_path).returncode == 1
    assert json.loads((experiment / "report.json").read_text())["format_version"] == 1


def test_reports_that_cannot_be_written_still_show_the_result(tmp_path, experiment):
    (experiment / "report.md").mkdir()
    done = scylla("report", experiment, "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert one_document(done)["totals"]["planned_runs"] == 2
    assert "report.md cannot be written" in done.stderr
    assert "2 of 2 planned runs have no score" in done.stderr
    assert "Reports:" not in done.stderr


def test_json_is_utf_8_in_every_locale(tmp_path, tiers):
    path = tiers / "t0" / "tier.yaml"
    path.write_text(TIER.format(name="größer →"), encoding="utf-8")
    done = scylla("tiers", "T0", "--tiers-from", tiers, "--json", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert one_document(done)[0]["name"] == "größer →"


@pytest.mark.parametrize(
    ("program", "words", "expected"),
    [
        ("scripts/run.py", ["run", "--tiers-dir", "a b", "--fresh"], "python scripts/run.py --tiers-dir 'a b'"),
        ("/x/scylla/__main__.py", ["run", "--runs", "3"], "python -m scylla run --runs 3"),
        ("bin/scylla", ["run", "--runs", "3"], "scylla run --runs 3"),
        ("elsewhere/scylla", ["run"], "elsewhere/scylla run"),
        ("/elsewhere/run.py", ["run", "-v"], "python /elsewhere/run.py -v"),
    ],
)
def test_command_that_continues_can_be_typed(tmp_path, monkeypatch, program, words, expected):
    for name in ("python", "scylla"):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr(sys, "argv", [program])
    assert command_again(words) == expected


def test_command_that_continues_names_the_python_that_path_does_not_find(tmp_path, monkeypatch):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "python").symlink_to(Path(sys.executable).resolve())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "python"))
    monkeypatch.setattr(sys, "argv", ["run.py"])
    assert command_again(["run"]) == ".venv/python run.py", "a virtual environment that was not activated"
