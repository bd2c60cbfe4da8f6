"""Numbers calculated by hand, and what must hold of every summary."""

import math
from dataclasses import replace
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats_samples import attempt, gap, key, meta, scored, spend, unscored, verdict

from scylla.domain.outcome import Outcome
from scylla.domain.record import RunRecord
from scylla.domain.usage import Spend
from scylla.stats.formulas import consistency_of, wilson_interval
from scylla.stats.summary import State, summarise


def only(records, **of):
    return summarise(meta(**of), records).subtests[0]


def test_scores_of_one_subtest():
    group = only([scored(key(number), share) for number, share in enumerate((1.0, 0.5, 0.6, 0.9), start=1)])
    assert (group.planned, group.results, group.scored, group.passed) == (4, 4, 4, 3)
    assert group.pass_rate == 0.75
    assert group.mean_score == pytest.approx(0.75)
    assert group.median_score == pytest.approx(0.75)
    assert (group.min_score, group.max_score) == (0.5, 1.0)
    assert group.sd_score == pytest.approx(math.sqrt(0.17 / 3))
    assert group.consistency == pytest.approx(1 - group.sd_score / 0.75)
    assert group.grade == "B"


def test_each_run_counts_once():
    records = [scored(key(number), 1.0) for number in (1, 2)] + [gap(key(3)), unscored(key(4))]
    summary = summarise(meta(), records)
    assert len(summary.runs) == len({run.key for run in summary.runs}) == 4
    for part in (summary.subtests[0], summary.tiers[0]):
        assert (part.planned, part.results, part.scored, part.unscored, part.gaps) == (4, 3, 2, 1, 1)
    totals = summary.totals
    assert (totals.planned, totals.scored, totals.unscored, totals.gaps) == (4, 2, 1, 1)
    assert totals.agent.cost_usd == pytest.approx(3.0)


def test_timed_out_run_is_a_result_with_its_score_and_its_cost():
    late = scored(key(2), 0.0, outcome=Outcome.TIMED_OUT, used=spend(9.0))
    group = only([scored(key(1), 1.0), late])
    assert group.pass_rate == 0.5
    assert group.mean_agent_cost_usd == pytest.approx(5.0)
    assert dict(group.outcomes) == {"finished": 1, "timed_out": 1}


def test_failed_judge_leaves_a_run_out_of_the_scores_and_never_makes_it_zero():
    summary = summarise(meta(), [scored(key(1), 1.0), unscored(key(2), "the judge gave no JSON")])
    assert summary.subtests[0].mean_score == 1.0
    assert summary.subtests[0].pass_rate == 1.0
    waiting = summary.runs[1]
    assert (waiting.state, waiting.score) == (State.UNSCORED, None)
    assert "the judge gave no JSON" in waiting.reason
    assert summary.totals.judge.cost_usd == pytest.approx(1.0), "the failed call was paid too"


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if not outcome.is_result])
def test_gap_has_a_reason_and_is_in_no_average_but_was_paid(outcome):
    summary = summarise(meta(), [scored(key(1), 1.0), gap(key(2), outcome, cost_usd=0.25)])
    group, hole = summary.subtests[0], summary.runs[1]
    assert hole.state is State.GAP
    assert outcome.value.replace("_", " ") in hole.reason
    assert (group.mean_score, group.mean_agent_cost_usd) == (1.0, 1.0)
    assert summary.totals.wasted.cost_usd == pytest.approx(0.25)
    assert summary.totals.total_cost_usd == pytest.approx(1.0 + 0.5 + 0.25)


def test_run_that_never_began_and_run_that_was_lost_say_so():
    lost = RunRecord(key=key(2), lost_attempts=1, lost_spend=spend(0.5))
    runs = summarise(meta(), [RunRecord(key=key(1)), lost]).runs
    assert [run.state for run in runs] == [State.GAP, State.GAP]
    assert "not started" in runs[0].reason
    assert "killed" in runs[1].reason
    assert (runs[1].attempts, runs[1].wasted.cost_usd) == (1, 0.5)


def test_reason_names_the_judge_that_still_owes_a_verdict():
    two = replace(meta(), conditions=replace(meta().conditions, judge_models=("sonnet", "opus")))
    graded = replace(scored(key(1), 1.0), score=None)
    failed_first = replace(graded, verdicts=(verdict(key(1), is_valid=False, detail="no JSON"), verdict(key(1), 2)))
    other = replace(verdict(key(1), is_valid=False, detail="it timed out"), judge_number=2, model="opus")
    reasons = {
        "not graded yet": replace(graded, grading=None, verdicts=()),
        "not judged yet": failed_first,
        "no verdict of judge 2 (opus): it timed out": replace(graded, verdicts=(verdict(key(1)), other)),
    }
    for reason, record in reasons.items():
        assert summarise(two, [record]).runs[0].reason == reason
    assert summarise(meta(), [graded]).runs[0].reason == "nothing in its rubric applies to it"


def test_gap_without_a_detail_is_named_by_its_outcome_alone():
    record = RunRecord(key=key(1), attempts=(attempt(key(1), outcome=Outcome.SANDBOX_FAILED),))
    assert summarise(meta(), [record]).runs[0].reason == "sandbox failed"


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome.is_result])
def test_every_kind_of_result_counts_with_what_it_cost(outcome):
    group = only([scored(key(1), 0.4, outcome=outcome, used=spend(7.0))])
    assert (group.results, group.scored, group.mean_score, group.mean_agent_cost_usd) == (1, 1, 0.4, 7.0)


def test_everything_paid_for_one_run_is_in_the_totals_once():
    of = key(1)
    whole = scored(of, 1.0)
    failed = attempt(of, 1, Outcome.PROVIDER_ERROR, used=spend(3.0))
    cancelled = attempt(of, 2, Outcome.CANCELLED, used=spend(5.0))
    record = replace(
        whole, attempts=(failed, cancelled, replace(whole.attempts[0], number=4)), lost_attempts=1,
        lost_spend=spend(11.0), verdicts=(verdict(of, is_valid=False, cost_usd=0.125), verdict(of, 2)),
    )  # fmt: skip
    summary = summarise(meta(), [record])
    totals = summary.totals
    assert (totals.agent.cost_usd, totals.judge.cost_usd, totals.wasted.cost_usd) == (1.0, 0.625, 19.0)
    assert totals.total_cost_usd == totals.known_cost_usd == pytest.approx(20.625)
    assert summary.runs[0].attempts == 4
    assert (totals.agent + totals.judge + totals.wasted).requests == 6


def test_grade_of_a_mean_uses_the_scale_its_cases_share():
    of = meta(cases=("a", "b"), subtests=("T0/00", "T1/00"))
    coarse = replace(of.cases[1].rubric, grade_scale=(("good", 0.5), ("bad", 0.0)))
    mixed = replace(of, cases=(of.cases[0], replace(of.cases[1], rubric=coarse)))
    records = [
        scored(key(case="a"), 1.0), scored(key(case="b"), 0.5), scored(key(case="b", label="T1/00"), 0.5),
        gap(key(case="a", label="T1/00")),
    ]  # fmt: skip
    both, second = summarise(mixed, records).tiers
    assert (both.grade, both.cases) == (None, ("a", "b"))
    assert (second.grade, second.cases) == ("good", ("b",))


def test_interval_over_unequal_cases_counts_fewer_trials_than_runs():
    records = [scored(key(number, case="a"), 1.0) for number in (1, 2, 3)] + [scored(key(1, case="b"), 0.0)]
    group = only(records, cases=("a", "b"))
    assert group.pass_interval == wilson_interval(1.5, 3.0), "4 / (1/3 + 1) = 3 trials"
    equal = only([scored(key(number, case=case), 1.0) for case in "ab" for number in (1, 2)], cases=("a", "b"))
    assert equal.pass_interval == wilson_interval(4, 4)


def test_retried_run_counts_with_the_attempt_that_is_a_result():
    of = key(1)
    record = scored(of, 1.0)
    failed = attempt(of, 1, Outcome.PROVIDER_ERROR, used=spend(3.0))
    run = summarise(meta(), [replace(record, attempts=(failed, replace(record.attempts[0], number=2)))]).runs[0]
    assert (run.attempts, run.agent.cost_usd, run.wasted.cost_usd) == (2, 1.0, 3.0)


def test_each_case_counts_once_however_many_runs_it_has():
    records = [scored(key(number, case="a"), 1.0, used=spend(1.0)) for number in (1, 2, 3)]
    records.append(scored(key(1, case="b"), 0.0, used=spend(3.0)))
    group = only(records, cases=("a", "b"))
    assert group.mean_score == 0.5
    assert group.pass_rate == 0.5
    assert group.mean_agent_cost_usd == pytest.approx(2.0)
    assert group.cost_of_pass_usd == pytest.approx(4.0)


def test_cost_of_pass_is_mean_agent_cost_by_pass_rate():
    group = only([scored(key(1), 1.0, used=spend(1.0)), scored(key(2), 0.0, used=spend(3.0))])
    assert group.cost_of_pass_usd == pytest.approx(2.0 / 0.5)
    assert not group.cost_of_pass_is_infinite


def test_cost_of_pass_is_infinite_when_nothing_passes_and_unknown_without_scores():
    nothing = only([scored(key(1), 0.0)])
    assert (nothing.cost_of_pass_usd, nothing.cost_of_pass_is_infinite) == (None, True)
    empty = only([gap(key(1))])
    assert (empty.cost_of_pass_usd, empty.cost_of_pass_is_infinite) == (None, False)
    assert (empty.mean_score, empty.pass_rate, empty.pass_interval, empty.grade) == (None, None, None, None)


def test_frontier_is_the_lowest_finite_cost_of_pass_over_tiers():
    labels = ("T0/00", "T1/01", "T2/01")
    shares_and_costs = ((1.0, 4.0), (1.0, 2.0), (0.0, 0.1))
    records = [
        scored(key(label=label), share, used=spend(cost))
        for label, (share, cost) in zip(labels, shares_and_costs, strict=True)
    ]
    summary = summarise(meta(subtests=labels), records)
    assert [tier.label for tier in summary.tiers] == ["T0", "T1", "T2"]
    assert summary.totals.frontier_cost_of_pass_usd == pytest.approx(2.0)
    assert summarise(meta(), [gap(key(1))]).totals.frontier_cost_of_pass_usd is None


def test_unknown_cost_makes_sums_unknown_and_the_known_part_is_kept():
    summary = summarise(meta(), [scored(key(1), 1.0), scored(key(2), 1.0, used=other_model())])
    assert summary.totals.total_cost_usd is None
    assert summary.totals.known_cost_usd == pytest.approx(1.0 + 0.5 + 0.5)
    assert summary.subtests[0].mean_agent_cost_usd is None
    assert summary.subtests[0].cost_of_pass_usd is None
    assert not summary.subtests[0].cost_of_pass_is_infinite


def test_known_part_keeps_what_the_same_model_cost_elsewhere():
    totals = summarise(meta(), [scored(key(1), 1.0), scored(key(2), 1.0, used=spend(None, input_tokens=1))]).totals
    assert totals.total_cost_usd is None
    assert totals.known_cost_usd == pytest.approx(1.0 + 0.5 + 0.5)


def test_mean_durations_count_each_case_once():
    group = only([scored(key(1), 1.0, duration_s=10.0), scored(key(2), 1.0, duration_s=30.0), gap(key(3))])
    assert (group.mean_agent_s, group.mean_checks_s, group.mean_judge_s) == (20.0, 0.5, 2.0)


def other_model():
    (entry,) = spend(None, input_tokens=1).by_model
    return Spend(by_model=(replace(entry, model="unpriced"),))


def test_the_clis_own_cost_is_compared_only_where_both_are_known():
    records = [
        scored(key(1), 1.0, cli_cost_usd=1.25),
        scored(key(2), 1.0),
        scored(key(3), 1.0, used=spend(None), cli_cost_usd=2.0),
    ]
    summary = summarise(meta(), records)
    assert [run.cli_cost_difference_usd for run in summary.runs] == [pytest.approx(0.25), None, None]


def test_tokens_are_summed_over_results_and_cache_efficiency_is_that_of_the_sums():
    used = [spend(1.0, input_tokens=90, cache_read_tokens=10), spend(1.0, cache_read_tokens=100, output_tokens=5)]
    group = only([scored(key(number), 1.0, used=each) for number, each in enumerate(used, start=1)])
    assert (group.tokens.input_tokens, group.tokens.cache_read_tokens, group.tokens.output_tokens) == (90, 110, 5)
    assert group.cache_efficiency == pytest.approx(110 / 200)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], None), ([0.7], None), ([0.0, 0.0], None), ([0.7, 0.7], 1.0), ([0.0, 1.0], 1 - math.sqrt(2)),
    ],
)  # fmt: skip
def test_consistency_is_known_from_two_runs_on(scores, expected):
    assert consistency_of(scores) == (None if expected is None else pytest.approx(max(0.0, expected)))


def test_wilson_interval_has_the_published_values():
    """Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (passed, trials), (low, high) in published.items():
        interval = wilson_interval(passed, trials)
        assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 500).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilson_interval_holds_the_share_and_solves_its_equation(sample):
    passed, trials = sample
    interval, share, z = wilson_interval(passed, trials), passed / trials, NormalDist().inv_cdf(0.975)
    assert 0.0 <= interval.low <= share + 1e-12
    assert share - 1e-12 <= interval.high <= 1.0
    for bound in (interval.low, interval.high):
        assert abs(share - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / trials), abs=1e-7)


STATES = st.sampled_from(["scored", "unscored", "gap", "fresh"])


@st.composite
def experiments(draw):
    labels, cases = ("T0/00", "T0/01", "T1/01"), ("a", "b")
    records = []
    for label in labels:
        for case in cases:
            for number in range(1, draw(st.integers(0, 3)) + 1):
                of = key(number, label=label, case=case)
                make = {
                    "scored": lambda of: scored(of, draw(st.floats(0.0, 1.0))), "unscored": unscored, "gap": gap,
                    "fresh": lambda of: RunRecord(key=of),
                }[draw(STATES)]  # fmt: skip
                records.append(make(of))
    return meta(cases=cases, subtests=labels), records


@given(experiments())
def test_parts_add_up_to_the_whole_and_everything_is_finite(sample):
    of, records = sample
    summary = summarise(of, records)
    for groups in (summary.subtests, summary.tiers):
        assert sum(group.planned for group in groups) == len(records) == summary.totals.planned
        assert sum(group.scored for group in groups) == summary.totals.scored
    for group in (*summary.subtests, *summary.tiers):
        assert group.planned == group.scored + group.unscored + group.gaps
        assert group.results == group.scored + group.unscored
        numbers = (group.mean_score, group.sd_score, group.cost_of_pass_usd, group.consistency, group.pass_rate)
        assert all(number is None or math.isfinite(number) for number in numbers)
    assert all(bool(run.reason) == (run.state is not State.SCORED) for run in summary.runs)
    assert summarise(of, records[::-1]) == summary
