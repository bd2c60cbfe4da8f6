"""Runs of another experiment are taken over with their results alone, once."""

from dataclasses import replace

import pytest
from store_samples import AT, attempt, grading, key, plan, verdict

from scylla.domain.experiment import Rejudging, describe
from scylla.domain.outcome import Outcome
from scylla.domain.record import RunRecord
from scylla.store.reading import read_experiment
from scylla.store.store import Store

REJUDGING = Rejudging(experiment="e", repeats=2, cli_version="1", instructions_digest="i")


def described():
    return replace(describe(plan(), created_at=AT), rejudging=REJUDGING)


def record(run_number=1):
    of = key(run_number=run_number)
    return RunRecord(
        key=of,
        attempts=(attempt(1, Outcome.RATE_LIMITED, of=of), attempt(2, of=of)),
        grading=grading(of=of),
        verdicts=(verdict(of=of),),
    )


def test_result_and_grading_come_along_and_nothing_else(tmp_path):
    with Store.create_from(tmp_path / "r", described(), ()) as store:
        assert store.planned() == ()
        store.adopt(described(), [record()])
    meta, (adopted,) = read_experiment(tmp_path / "r")
    assert meta.rejudging == REJUDGING
    assert adopted.attempts == (replace(attempt(2), workspace=None),), "its workspace is another experiment's"
    assert (adopted.grading, adopted.verdicts, adopted.score) == (grading(), (), None)
    assert adopted.wasted_spend.cost_usd == 0


def test_adopting_again_adds_only_what_is_new(tmp_path):
    with Store.create_from(tmp_path / "r", described(), ()) as store:
        store.adopt(described(), [record()])
        call = store.claim_judge_call(key(), attempt=2, judge_number=1, model="sonnet", started_at=AT)
        store.save_verdict(verdict(call))
        changed = replace(record(), grading=replace(grading(), duration_s=9.0))
        store.adopt(replace(described(), runs_per_subtest=5), [changed, record(2)])
        first, second = store.records()
        assert (first.grading, first.verdicts) == (grading(), (verdict(call),))
        assert second.key.run_number == 2
        assert store.meta().runs_per_subtest == 5


def test_adopted_run_is_never_attempted_again(tmp_path):
    with Store.create_from(tmp_path / "r", described(), ()) as store:
        store.adopt(described(), [record()])
        with pytest.raises(Exception, match="has a result already"):
            store.claim_attempt(key(), started_at=AT, setup_digest="s")
