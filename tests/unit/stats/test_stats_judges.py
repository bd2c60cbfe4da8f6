"""The judges of an experiment: agreement by case, the items that need rewriting, and what cannot be known."""

import math
import random
from dataclasses import replace

import pytest
from stats_samples import gap, key
from verdict_samples import RUBRIC, judged, judged_meta

from scylla.domain.record import JudgeCall
from scylla.domain.score import ItemMark
from scylla.stats.agreement import ALL_EQUAL, krippendorff_alpha
from scylla.stats.judges import summarise_judges
from scylla.stats.noise import NoiseSource
from scylla.stats.verdicts import judged_part, judged_runs

TWO = ("strict", "kind")


def sample(shares, *, case="a", models=TWO):
    """One run for each entry, which holds the (clear, small) of each judge."""
    return [judged(key(number, case=case), models, marks) for number, marks in enumerate(shares, start=1)]


def only(shares, *, models=TWO):
    return summarise_judges(judged_meta(*models), sample(shares, models=models))


def test_alpha_is_that_of_the_scores_which_judges_alone_decide():
    shares = [((0.5, 0.5), (1.0, 0.0)), ((0.0, 0.0), (0.5, 0.5)), ((1.0, 1.0), (1.0, 1.0))]
    summary = only(shares)
    (case,) = summary.cases
    scores = [[(2 * clear + small) / 3 for clear, small in run] for run in shares]
    assert case.alpha.value == pytest.approx(krippendorff_alpha(scores).value)
    assert summary.alpha == case.alpha
    assert [item.id for item in judged_part(RUBRIC).items] == ["clear", "small"], "checks would make judges look alike"


def test_bias_cost_and_validity_of_each_judge():
    shares = [((0.2, 0.2), (0.6, 0.6)), (None, (0.5, 0.5)), ((0.4, 0.4), (0.6, 0.6))]
    records = [
        judged(key(number), TWO, marks, costs={"strict": 0.25, "kind": 1.0})
        for number, marks in enumerate(shares, start=1)
    ]
    strict, kind = summarise_judges(judged_meta(*TWO), records).judges
    assert (strict.model, strict.calls, strict.valid, strict.runs) == ("strict", 3, 2, 2)
    assert strict.validity_rate == pytest.approx(2 / 3)
    assert kind.validity_rate == 1.0
    assert strict.spend.cost_usd == pytest.approx(0.75), "the call without a verdict was paid too"
    assert strict.mean_cost_per_run_usd == pytest.approx(0.375)
    assert strict.bias.value == pytest.approx(-0.3)
    assert kind.bias.value == pytest.approx(0.3)
    assert (strict.bias.units, strict.repeat_sd) == (2, None)


def test_items_on_which_judges_differ_come_first_and_need_rewriting():
    chance = random.Random(2)
    shares = []
    for _ in range(12):
        clear = chance.random()
        shares.append(((clear, chance.random()), (clear, chance.random())))
    (worst,) = only(shares).worst_items
    assert (worst.item_id, worst.text, worst.runs) == ("small", "It is small", 12)
    assert worst.difference == pytest.approx(sum(abs(a[1] - b[1]) for a, b in shares) / 12)
    assert worst.spread == pytest.approx(worst.difference), "with two judges they are the same"
    (clear, _) = only(shares).cases[0].items
    assert clear.alpha.value == pytest.approx(1.0)
    assert not clear.needs_rewriting


def test_item_that_judges_see_alike_is_never_on_the_list():
    (case,) = only([((1.0, 1.0), (1.0, 1.0))] * 6).cases
    assert case.alpha.value is None
    assert case.alpha.reason == ALL_EQUAL
    assert not any(item.needs_rewriting for item in case.items)


def test_judges_who_differ_on_whether_an_item_applies_are_counted():
    shares = [((0.5, None), (0.5, 0.5)), ((0.5, 0.5), (0.5, 0.5)), ((0.5, None), (0.5, None))]
    item = only(shares).cases[0].items[1]
    assert (item.split_runs, item.runs, item.needs_rewriting) == (1, 3, True)
    assert item.difference == 0.0, "the run that only one judge marked has no difference"


def test_one_judge_says_what_cannot_be_known():
    summary = only([((0.5, 0.5),), ((0.7, 0.5),)], models=("alone",))
    assert summary.alpha.value is None
    assert summary.alpha.reason
    assert summary.judges[0].bias is None
    assert summary.cases[0].pairs == ()
    assert len(summary.unknown) == 2
    assert "cannot be known" in summary.unknown[0]
    assert "--repeat" in summary.unknown[1]


def test_two_judges_leave_nothing_unknown():
    assert only([((0.5, 0.5), (0.4, 0.4)), ((0.7, 0.5), (0.5, 0.5))]).unknown == ()


def test_checks_alone_need_no_judge():
    of = judged_meta("m")
    checked = replace(of.cases[0], rubric=replace(RUBRIC, categories=RUBRIC.categories[1:]))
    of = replace(of, cases=(checked,))
    summary = summarise_judges(of, [gap(key(1))])
    assert summary.cases == ()
    assert "checks decided everything" in summary.unknown[0]


def test_repeats_of_one_model_are_one_judge_and_its_own_noise():
    models = ("m", "m", "other")
    summary = summarise_judges(
        judged_meta(*models),
        sample([((0.4, 0.4), (0.6, 0.6), (0.5, 0.5)), ((0.8, 0.8), (0.8, 0.8), (0.9, 0.9))], models=models),
    )
    assert [judge.model for judge in summary.judges] == ["m", "other"]
    m, other = summary.judges
    assert (m.calls, m.runs) == (4, 2)
    # Half of the score is decided by checks, a quarter of the other half too: 0.2 of the marks are 0.075 of the score.
    assert m.repeat_sd == pytest.approx(math.sqrt(2 * 0.0375**2 / 2))
    assert other.repeat_sd is None
    assert m.bias.value == pytest.approx((0.0 + -0.1) / 2)
    assert summary.cases[0].noise.source is NoiseSource.REPEATS
    assert summary.cases[0].noise.verdicts_per_run == 3


def test_cases_are_kept_apart():
    of = judged_meta(*TWO, cases=("a", "b"))
    chance = random.Random(4)
    records = []
    for case, low in (("a", 0.0), ("b", 0.8)):
        shares = [tuple((low + 0.2 * chance.random(),) * 2 for _ in TWO) for _ in range(20)]
        records += sample(shares, case=case)
    summary = summarise_judges(of, records)
    assert abs(summary.alpha.value) < 0.5, "easy and hard cases are no agreement"
    assert [pair.runs for case in summary.cases for pair in case.pairs] == [20, 20]


def test_experiment_without_a_verdict():
    summary = summarise_judges(judged_meta(*TWO), [gap(key(1))])
    assert summary.alpha.value is None
    assert [judge.validity_rate for judge in summary.judges] == [None, None]
    assert summary.worst_items == ()


def test_run_with_marks_of_one_judge_counts_only_where_one_is_enough():
    records = sample([((0.5, 0.5), None)])
    (run,) = judged_runs("a", TWO, records)
    assert run.unit(lambda verdict: verdict.marks[0].points) == (1.0, None)
    assert run.checks[0] == ItemMark(item_id="checked", points=1.0, reason="")
    assert summarise_judges(judged_meta(*TWO), records).cases[0].items[0].runs == 0


def test_a_verdict_that_was_reused_counts_once():
    """The same two verdicts handed on to nine runs of identical work are no nine proofs of agreement."""
    first = judged(key(1), ("a", "b"), [(1.0, 1.0), (1.0, 1.0)])
    source = JudgeCall(key=first.key, judge_number=1, call=1)
    copies = [
        replace(first, key=key(n), verdicts=tuple(replace(v, key=key(n), reused_from=source) for v in first.verdicts))
        for n in range(2, 11)
    ]
    other = judged(key(11), ("a", "b"), [(0.0, 0.0), (0.5, 0.0)])
    described = judged_meta("a", "b")
    assert summarise_judges(described, [first, *copies, other]) == summarise_judges(described, [first, other])
