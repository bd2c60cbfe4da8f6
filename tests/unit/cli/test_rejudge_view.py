"""Before judging again it is known how many calls there are and, where anything tells it, what they will cost."""

import json
from dataclasses import replace

import pytest

from scylla.cli.rejudge_view import calls_to_make, show_calls
from scylla.domain.experiment import CaseMeta, ExperimentMeta
from scylla.domain.plan import Conditions, RunKey
from scylla.domain.record import RunRecord, Verdict
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Item, Rubric, Scoring
from scylla.domain.usage import ModelSpend, Spend, Tokens

AT = "2026-01-02T03:04:05+00:00"
RUBRIC = Rubric(
    categories=(Category(name="c", weight=1.0, items=(Item(id="i", text="", points=1.0, scoring=Scoring.SCALED),)),),
    pass_threshold=0.6,
    grade_scale=DEFAULT_GRADE_SCALE,
)
KEYS = [RunKey(case_id="a", tier="T0", subtest="00", run_number=number) for number in (1, 2)]


def meta(*models):
    return ExperimentMeta(
        name="a", created_at=AT, seed=1, runs_per_subtest=2,
        conditions=Conditions(
            agent="a", agent_version="1", model="m", judge_models=models, offline=False, timeout_s=None,
            case_digests=(),
        ),
        cases=(CaseMeta(id="a", name="", description="", language="", digest="d", rubric=RUBRIC),),
        subtests=(),
    )  # fmt: skip


def record(key, *, model="sonnet", cost_usd=0.5, is_valid=True, judge_number=1):
    entry = ModelSpend(model="x", tokens=Tokens(input_tokens=1_000_000), requests=1, cost_usd=cost_usd)
    verdict = Verdict(
        key=key, attempt=1, judge_number=judge_number, call=1, model=model, is_valid=is_valid, detail="", marks=(),
        started_at=AT, duration_s=1.0, spend=Spend(by_model=(entry,)),
    )  # fmt: skip
    return RunRecord(key=key, verdicts=(verdict,))


READY = [RunRecord(key=key) for key in KEYS]


def test_only_missing_verdicts_are_called_for():
    of = meta("x", "y", "x", "y")
    assert len(calls_to_make(of, READY, ())) == 8
    done = [record(KEYS[0], model="x"), record(KEYS[1], model="y", judge_number=2, is_valid=False)]
    left = calls_to_make(of, READY, done)
    assert len(left) == 7
    assert [call.model for call in left if call.key == KEYS[0]] == ["y", "x", "y"]
    alone = replace(of, cases=(replace(of.cases[0], rubric=replace(RUBRIC, categories=())),))
    assert calls_to_make(alone, READY, ()) == ()


def expected(capsys, model, records):
    calls = calls_to_make(meta(model), READY, ())
    show_calls(calls, meta(model), records, None, as_json=True)
    document = json.loads(capsys.readouterr().out)
    (entry,) = document["by_judge"]
    assert document["expected_cost_usd"] == entry["expected_cost_usd"]
    return entry["expected_cost_usd"], entry["basis"]


def test_cost_is_that_of_the_judges_own_calls(capsys):
    records = [record(KEYS[0], cost_usd=0.5), record(KEYS[1], cost_usd=0.25)]
    assert expected(capsys, "sonnet", records) == (pytest.approx(0.75), "2 recorded call(s) of this judge")


def test_new_judge_is_priced_by_the_tokens_of_others(capsys):
    cost_usd, basis = expected(capsys, "claude-haiku-4-5", [record(KEYS[0])])
    assert cost_usd == pytest.approx(2 * 1.0)
    assert "its price" in basis
    cost_usd, basis = expected(capsys, "opus", [record(KEYS[0])])
    assert cost_usd == pytest.approx(2 * 5.0), "an alias may mean any of them, so the dearest is told"
    assert "the dearest price of any opus" in basis


@pytest.mark.parametrize(("model", "records"), [("sonnet", []), ("nobody", [record(KEYS[0])])])
def test_what_nothing_tells_is_unknown_and_never_zero(capsys, model, records):
    cost_usd, basis = expected(capsys, model, records)
    assert cost_usd is None
    assert basis


def test_calls_are_shown_for_people_on_both_streams(capsys):
    calls = calls_to_make(meta("sonnet"), READY, ())
    show_calls(calls, meta("sonnet"), [record(KEYS[0])], None, as_json=False)
    shown = capsys.readouterr()
    assert "sonnet" in shown.out
    assert "2 call(s), expected to cost $1.0000" in shown.err
    assert "Nothing was started" in shown.err
