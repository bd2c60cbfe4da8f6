"""`scylla calibrate` from the template to the judge that is worth its money."""

import csv
import io
import json
import random

import pytest
from command_line import scylla

from scylla.domain.experiment import CaseMeta, ExperimentMeta, SubtestMeta
from scylla.domain.human import blind_name
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Conditions, RunKey
from scylla.domain.record import Attempt, CliReport, Grading, RunRecord, Verdict
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring
from scylla.domain.score import ItemMark
from scylla.domain.usage import ModelSpend, Spend, Tokens
from scylla.store.store import Store

AT = "2026-01-02T03:04:05+00:00"
RUNS = 12
ITEMS = (
    Item(id="made", text="made", points=1.0, scoring=Scoring.BINARY, check=Check(run="true")),
    Item(id="clear", text="Is it | clear?", points=4.0, scoring=Scoring.SCALED),
    Item(id="small", text="Is it small?", points=1.0, scoring=Scoring.SCALED),
)
META = ExperimentMeta(
    name="case-1", created_at=AT, seed=1, runs_per_subtest=RUNS // 2,
    conditions=Conditions(
        agent="a", agent_version="1", model="m", judge_models=("cheap", "dear"), offline=False, timeout_s=None,
        case_digests=(),
    ),
    cases=(
        CaseMeta(
            id="case-1", name="", description="", language="", digest="d", prompt="p", criteria="",
            rubric=Rubric(
                categories=(Category(name="c", weight=1.0, items=ITEMS),), pass_threshold=0.6,
                grade_scale=DEFAULT_GRADE_SCALE,
            ),
        ),
    ),
    subtests=tuple(
        SubtestMeta(tier="T0", id=number, name="", description="", setup_digest=number) for number in ("00", "01")
    ),
)  # fmt: skip
KEYS = [
    RunKey(case_id="case-1", tier="T0", subtest=subtest, run_number=number)
    for subtest in ("00", "01")
    for number in range(1, RUNS // 2 + 1)
]


def true_marks(key):
    chance = random.Random(key.label)
    return {"clear": chance.choice((1.0, 2.0, 3.0)), "small": chance.choice((0.25, 0.5, 0.75))}


def spend(cost_usd):
    return Spend(by_model=(ModelSpend(model="m", tokens=Tokens(), requests=1, cost_usd=cost_usd),))


def record(key):
    attempt = Attempt(
        key=key, number=1, started_at=AT, duration_s=1.0, outcome=Outcome.FINISHED, detail="", exit_code=0,
        signal=None, spend=spend(1.0), report=CliReport(), setup_digest="s", agent_version="1",
    )  # fmt: skip
    return RunRecord(key=key, attempts=(attempt,), grading=Grading(key=key, attempt=1, marks=(), duration_s=0.1))


@pytest.fixture
def experiment(tmp_path):
    """Two judges: the dear one marks as people do, the cheap one is far too kind."""
    folder = tmp_path / "results" / "e"
    with Store.create_from(folder, META, ()) as store:
        store.adopt(META, [record(key) for key in KEYS])
        for key in KEYS:
            for number, (model, kindness, cost) in enumerate((("cheap", 0.2, 0.01), ("dear", 0.0, 0.5)), start=1):
                call = store.claim_judge_call(key, attempt=1, judge_number=number, model=model, started_at=AT)
                marks = tuple(
                    ItemMark(item_id=name, points=points + kindness * {"clear": 4, "small": 1}[name], reason="")
                    for name, points in true_marks(key).items()
                )
                store.save_verdict(
                    Verdict(
                        key=key,
                        attempt=1,
                        judge_number=number,
                        call=call,
                        model=model,
                        is_valid=True,
                        detail="",
                        marks=marks,
                        started_at=AT,
                        duration_s=1.0,
                        spend=spend(cost),
                    )
                )
            attempt = folder / key.label / "attempt_01"
            (attempt / "judge_01_call_01").mkdir(parents=True)
            (attempt / "judge_01_call_01" / "prompt.md").write_text(f"# Task\n\nwork of {key.run_number}\n")
    return folder


def template(experiment, tmp_path, *words):
    done = scylla("calibrate", experiment, "--template", tmp_path / "human.csv", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO((tmp_path / "human.csv").read_text())))


def fill(rows, path):
    keys = {blind_name(META, key): key for key in KEYS}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row | {"points": true_marks(keys[row["run"]])[row["criterion"]]} for row in rows)


def test_from_the_template_to_the_judge_worth_its_money(tmp_path, experiment):
    rows = template(experiment, tmp_path)
    fill(rows, tmp_path / "human.csv")
    done = scylla("calibrate", experiment, "--human", tmp_path / "human.csv", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout, parse_constant=pytest.fail)
    assert document == json.loads((experiment / "calibration.json").read_text())
    cheap, dear, both = document["by_judge"]
    assert (cheap["runs"], cheap["marks"]) == (RUNS, 2 * RUNS)
    assert cheap["bias"]["value"] == pytest.approx(0.2)
    assert dear["mean_absolute_error"]["value"] == pytest.approx(0.0)
    assert dear["alpha"]["value"] == pytest.approx(1.0)
    assert both["cost_per_run_usd"] == pytest.approx(0.51)
    assert document["recommended"] == "dear"
    assert {entry["item"] for entry in document["by_item"]} == {"clear", "small"}
    page = (experiment / "calibration.md").read_text()
    assert "**dear**" in page
    assert "Is it \\| clear?" in page
    assert "dear" in done.stderr
    assert "cannot be known" in page, "one person marked"


def test_template_is_blind_in_random_order_and_asks_for_no_check(tmp_path, experiment):
    rows = template(experiment, tmp_path)
    assert len(rows) == 2 * RUNS
    assert {row["criterion"] for row in rows} == {"clear", "small"}
    assert {row["points"] for row in rows} == {""}
    order = list(dict.fromkeys(row["run"] for row in rows))
    assert order != [blind_name(META, key) for key in KEYS]
    text = (tmp_path / "human.csv").read_text()
    assert not any(word in text for word in ("T0", "cheap", "dear", "case-1"))
    material = tmp_path / "human-material"
    assert {path.stem for path in material.iterdir()} == set(order)
    first = next(key for key in KEYS if blind_name(META, key) == order[0])
    assert f"work of {first.run_number}" in (material / f"{order[0]}.md").read_text()


def test_template_of_some_runs_and_never_over_a_file(tmp_path, experiment):
    rows = template(experiment, tmp_path, "--runs", "3", "--seed", "5")
    assert len({row["run"] for row in rows}) == 3
    again = scylla("calibrate", experiment, "--template", tmp_path / "human.csv", cwd=tmp_path)
    assert again.returncode == 2
    assert "never overwritten" in again.stderr


def test_bad_rows_are_listed_together_and_nothing_is_written(tmp_path, experiment):
    path = tmp_path / "human.csv"
    path.write_text("run,criterion,points\nr-0000000000,clear,1\n" + f"{blind_name(META, KEYS[0])},clear,9\n")
    done = scylla("calibrate", experiment, "--human", path, "--json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 2" in done.stderr
    assert "line 3" in done.stderr
    assert not (experiment / "calibration.md").exists()


@pytest.mark.parametrize("text", ["run,criterion,points\n", "run,criterion,points\nx,y,\n"])
def test_file_without_a_mark_is_bad_input(tmp_path, experiment, text):
    (tmp_path / "human.csv").write_text(text)
    done = scylla("calibrate", experiment, "--human", tmp_path / "human.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert "holds no mark" in done.stderr


def test_thin_data_name_no_judge(tmp_path, experiment):
    fill(template(experiment, tmp_path, "--runs", "3"), tmp_path / "human.csv")
    done = scylla("calibrate", experiment, "--human", tmp_path / "human.csv", cwd=tmp_path)
    assert done.returncode == 0
    assert "too thin" in done.stderr
    assert "cannot be said" in (experiment / "calibration.md").read_text()
