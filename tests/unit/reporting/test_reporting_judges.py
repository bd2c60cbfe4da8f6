"""The reports say how far the judges can be trusted, and what they cannot say."""

import json
import random
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from scylla.domain.experiment import CaseMeta, ExperimentMeta, SubtestMeta
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Conditions, RunKey
from scylla.domain.record import Attempt, CliReport, Grading, RunRecord, Verdict
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Item, Rubric, Scoring
from scylla.domain.score import ItemMark, score_run
from scylla.domain.usage import ModelSpend, Spend, Tokens
from scylla.reporting.judge_picture import MOST_ROWS
from scylla.reporting.reports import write_reports
from scylla.stats.summary import summarise

AT = "2026-01-02T03:04:05+00:00"
HOSTILE = "a | b <script>alert(1)</script> & \x07"


def rubric(items):
    return Rubric(
        categories=(
            Category(
                name="c",
                weight=1.0,
                items=tuple(
                    Item(id=name, text=f"asks {name}", points=2.0, scoring=Scoring.SCALED, na_condition="may")
                    for name in items
                ),
            ),
        ),
        pass_threshold=0.6,
        grade_scale=DEFAULT_GRADE_SCALE,
    )


def experiment(models, marks_of, *, items=("agreed", "split"), runs=8, cases=("test-001",)):
    """The meta and the records; `marks_of(item, run_number, judge_number)` is a share."""
    meta = ExperimentMeta(
        name="hello", created_at=AT, seed=7, runs_per_subtest=runs,
        conditions=Conditions(
            agent="claude-code", agent_version="2.1.197", model="sonnet", judge_models=tuple(models), offline=False,
            timeout_s=None, case_digests=tuple((case, "d") for case in cases),
        ),
        cases=tuple(
            CaseMeta(id=case, name="", description="", language="", digest="d", rubric=rubric(items)) for case in cases
        ),
        subtests=(SubtestMeta(tier="T0", id="00", name="empty", description="", setup_digest="s"),),
    )  # fmt: skip
    return meta, [_record(meta, case, number, marks_of) for case in cases for number in range(1, runs + 1)]


def _record(meta, case, number, marks_of):
    key = RunKey(case_id=case, tier="T0", subtest="00", run_number=number)
    used = Spend(by_model=(ModelSpend(model="m", tokens=Tokens(), requests=1, cost_usd=0.25),))
    attempt = Attempt(
        key=key, number=1, started_at=AT, duration_s=1.0, outcome=Outcome.FINISHED, detail="", exit_code=0,
        signal=None, spend=used, report=CliReport(), setup_digest="s", agent_version="1",
    )  # fmt: skip
    verdicts = tuple(
        Verdict(
            key=key, attempt=1, judge_number=judge, call=1, model=model, is_valid=True, detail="",
            marks=tuple(
                ItemMark(item_id=item.id, points=2.0 * marks_of(item.id, number, judge), reason="")
                for item in meta.case(case).rubric.items
            ),
            started_at=AT, duration_s=1.0, spend=used,
        )
        for judge, model in enumerate(meta.conditions.judge_models, start=1)
    )  # fmt: skip
    score = score_run(meta.case(case).rubric, checks=(), verdicts=[verdict.marks for verdict in verdicts])
    grading = Grading(key=key, attempt=1, marks=(), duration_s=0.1)
    return RunRecord(key=key, attempts=(attempt,), grading=grading, verdicts=verdicts, score=score)


def chance_marks(item, number, judge):
    """Judges agree on every run for one item and toss coins for the other."""
    seed = f"{number}" if item == "agreed" else f"{number} {judge} {item}"
    return random.Random(seed).choice((0.0, 0.5, 1.0))


def written(tmp_path, meta, records):
    paths = write_reports(tmp_path, meta, records, summarise(meta, records), again="")
    return {path.name: path.read_text() for path in paths}


def section(markdown):
    return markdown.split("## Judges\n")[1].split("\n## ")[0]


def test_section_shows_agreement_cost_noise_and_the_items_to_rewrite(tmp_path):
    texts = written(tmp_path, *experiment(("opus", "haiku"), chance_marks))
    text = section(texts["report.md"])
    for part in ("| opus ", "| haiku ", "100 %", "$2.0000", "need rewriting", "asks split", "several judges"):
        assert part in text
    assert "asks agreed" not in text
    assert "![Marks by item and judge](judges.svg)" in text
    assert "cannot be known" not in text
    document = json.loads(texts["report.json"], parse_constant=pytest.fail)["judges"]
    assert [entry["item"] for entry in document["items_to_rewrite"]] == ["split"]
    (case,) = document["by_case"]
    assert case["alpha"] == document["alpha"]
    assert case["alpha"]["interval"]["seed"] == 42
    assert f"{case['alpha']['value']:.2f} ({case['alpha']['interval']['low']:.2f} to" in text
    assert case["noise"]["source"] == "judges"
    assert [(entry["first"], entry["second"], entry["runs"]) for entry in case["pairs"]] == [("opus", "haiku", 8)]
    assert document["by_judge"][0]["cost_usd"] == pytest.approx(2.0)
    assert document["by_judge"][0]["bias"]["n"] == 8


def test_single_judge_says_what_cannot_be_known_and_draws_nothing(tmp_path):
    texts = written(tmp_path, *experiment(("alone",), chance_marks))
    text = section(texts["report.md"])
    assert "cannot be known" in text
    assert "scylla rejudge" in text
    assert "alpha" not in text.lower()
    assert "judges.svg" not in texts
    assert "judges.svg" not in texts["report.md"]
    document = json.loads(texts["report.json"])["judges"]
    assert len(document["cannot_be_known"]) == 2
    assert document["alpha"]["value"] is None
    assert document["alpha"]["undefined_because"]


def test_equal_marks_are_called_undefined(tmp_path):
    texts = written(tmp_path, *experiment(("a", "b"), lambda *_: 1.0))
    assert "undefined: every mark is equal" in section(texts["report.md"])
    assert "No item stands out" in section(texts["report.md"])
    assert "nan" not in texts["report.json"].lower()


def test_several_cases_have_a_line_each_and_one_together(tmp_path):
    text = section(written(tmp_path, *experiment(("a", "b"), chance_marks, cases=("x", "y")))["report.md"])
    assert "| all, case by case |" in text
    assert text.count("| x ") > 2


def test_picture_is_well_formed_whatever_names_hold_and_shows_every_judge(tmp_path):
    meta, records = experiment(("opus", "<b>&"), chance_marks)
    texts = written(tmp_path, replace(meta, name=HOSTILE), records)
    root = ET.fromstring(texts["judges.svg"])
    words = [element.text for element in root.iter() if element.text and element.text.strip()]
    assert {"opus", "<b>&", "agreed", "split", "rewrite"} <= set(words)
    circles = [element for element in root.iter() if element.tag.endswith("circle")]
    assert {circle.get("fill") for circle in circles} == {"#0072b2", "#d55e00"}
    height = int(root.get("height"))
    assert all(0 < float(circle.get("cy")) < height for circle in circles)
    assert words.count("rewrite") == 1


def test_picture_of_many_items_says_how_many_it_leaves_out(tmp_path):
    items = [f"i{number:02d}" for number in range(MOST_ROWS + 5)]
    texts = written(tmp_path, *experiment(("a", "b"), chance_marks, items=items, runs=4))
    assert "5 more items are not shown" in texts["judges.svg"]
    assert texts["judges.svg"].count("asks i") == MOST_ROWS
