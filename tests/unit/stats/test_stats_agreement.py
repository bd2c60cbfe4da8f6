"""Alpha has its published values, says why it is undefined, and never compares marks of different cases."""

import math
import random
from itertools import permutations
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scylla.stats.agreement import (
    ALL_EQUAL,
    NO_PAIRS,
    clustered_alpha,
    deviations_from_others,
    item_alpha,
    krippendorff_alpha,
    pairs_of,
    pearson,
    ranks,
    spearman,
)
from scylla.stats.bootstrap import FEWEST_UNITS, mean_over_strata, percentile, resample

_ = None
PUBLISHED = list(
    zip(
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
        strict=True,
    )
)
"""Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: 4 observers, 12 units, missing data."""


def from_coincidences(units):
    """Alpha the other way: the matrix of coincidences of section C, the interval metric, and nothing shared."""
    coincidences = {}
    for unit in units:
        marks = [mark for mark in unit if mark is not None]
        for first, second in permutations(marks, 2):
            coincidences[first, second] = coincidences.get((first, second), 0.0) + 1 / (len(marks) - 1)
    totals = {}
    for (first, _second), count in coincidences.items():
        totals[first] = totals.get(first, 0.0) + count
    n = sum(totals.values())
    observed = sum(count * (a - b) ** 2 for (a, b), count in coincidences.items()) / n
    expected = sum(x * y * (a - b) ** 2 for a, x in totals.items() for b, y in totals.items()) / (n * (n - 1))
    return 1 - observed / expected


def test_alpha_of_the_published_example():
    alpha = krippendorff_alpha(PUBLISHED)
    assert alpha.value == pytest.approx(0.849, abs=5e-4)
    assert (alpha.units, alpha.marks) == (11, 40), "the unit with a single mark is left out, as published"
    assert from_coincidences(PUBLISHED) == pytest.approx(0.849, abs=5e-4)


def test_alpha_of_two_observers_and_binary_data_as_published():
    """Section A of the same paper: 10 units, alpha = 0.095; on 0 and 1 the interval metric is the nominal one."""
    first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha(zip(first, second, strict=True)).value == pytest.approx(0.095, abs=5e-4)


marks = st.one_of(st.none(), st.floats(0.0, 1.0).map(lambda value: round(value, 3)))
tables = st.integers(2, 4).flatmap(lambda judges: st.lists(st.tuples(*[marks] * judges), min_size=1, max_size=12))


@given(tables)
def test_alpha_is_that_of_the_coincidences_or_undefined_with_a_reason(units):
    alpha = krippendorff_alpha(units)
    paired = [[mark for mark in unit if mark is not None] for unit in units if sum(m is not None for m in unit) > 1]
    values = {mark for unit in paired for mark in unit}
    if len(values) > 1:
        assert alpha.value == pytest.approx(from_coincidences(units), abs=1e-6)
        assert alpha.value <= 1.0
    else:
        assert alpha.value is None
        assert alpha.reason == (ALL_EQUAL if values else NO_PAIRS)


@given(tables, st.floats(0.1, 50.0), st.floats(-1000.0, 1000.0))
def test_alpha_does_not_depend_on_scale_zero_or_order(units, factor, shift):
    alpha = krippendorff_alpha(units).value
    moved = [[None if mark is None else factor * mark + shift for mark in unit[::-1]] for unit in units[::-1]]
    if alpha is not None:
        assert krippendorff_alpha(moved).value == pytest.approx(alpha, abs=1e-6)


@pytest.mark.parametrize("units", [[], [[0.5, None]], [[None, None]], [[0.1], [0.9]]])
def test_alpha_without_pairs_is_undefined(units):
    assert (krippendorff_alpha(units).value, krippendorff_alpha(units).reason) == (None, NO_PAIRS)


def test_equal_marks_are_undefined_and_not_perfect_agreement():
    alpha = clustered_alpha([[[0.7, 0.7]] * 20])
    assert (alpha.value, alpha.reason, alpha.interval) == (None, "undefined: every mark is equal", None)
    third = [[0.1 + 0.2, 0.3]] * 9
    assert krippendorff_alpha(third).value is None, "the last bits of a sum are no variance"


def test_cases_of_different_difficulty_do_not_look_like_agreement():
    chance = random.Random(1)
    easy = [[chance.uniform(0.9, 1.0) for _ in range(2)] for _ in range(40)]
    hard = [[chance.uniform(0.0, 0.1) for _ in range(2)] for _ in range(40)]
    assert krippendorff_alpha(easy + hard).value > 0.95, "pooled, judges that toss coins seem to agree"
    assert abs(clustered_alpha([easy, hard]).value) < 0.35
    interval = clustered_alpha([easy, hard]).interval.interval
    assert interval.low < 0 < interval.high


@settings(max_examples=30, deadline=None)  # each example draws its runs 2,000 times again
@given(st.lists(tables, min_size=1, max_size=3))
def test_clustered_alpha_is_the_mean_of_the_cases_weighted_by_what_is_expected(strata):
    whole = clustered_alpha(strata)
    parts = []
    for units in strata:
        alpha = krippendorff_alpha(units).value
        if alpha is not None:
            marks = [
                mark for unit in units if sum(m is not None for m in unit) > 1 for mark in unit if mark is not None
            ]
            mean = fmean(marks)
            weight = sum((mark - mean) ** 2 for mark in marks) * len(marks) / (len(marks) - 1)
            parts.append((alpha, weight))
    total = sum(weight for _, weight in parts)
    if whole.value is not None and total > 1e-6:
        assert whole.value == pytest.approx(sum(alpha * weight for alpha, weight in parts) / total, abs=1e-6)


def test_interval_is_repeatable_holds_the_value_and_narrows_with_runs():
    chance = random.Random(3)

    def sample(runs):
        true = [chance.random() for _ in range(runs)]
        return [[value + chance.gauss(0, 0.2) for _ in range(3)] for value in true]

    few, many = clustered_alpha([sample(10)]), clustered_alpha([sample(200)])
    for alpha in (few, many):
        interval = alpha.interval.interval
        assert interval.low <= alpha.value <= interval.high
    assert many.interval.interval.high - many.interval.interval.low < 0.2
    assert few.interval.interval.high - few.interval.interval.low > 0.2
    assert (many.interval.resamples, many.interval.seed) == (2000, 42)
    assert clustered_alpha([PUBLISHED]) == clustered_alpha([PUBLISHED])


def test_interval_covers_the_truth_about_as_often_as_it_says():
    """Marks = run + judge noise: alpha tends to var(run) / (var(run) + var(noise)) = 0.5."""
    chance = random.Random(11)
    covered = 0
    for _ in range(60):
        units = [[run + chance.gauss(0, 1) for _ in range(3)] for run in (chance.gauss(0, 1) for _ in range(40))]
        interval = clustered_alpha([units]).interval.interval
        covered += interval.low <= 0.5 <= interval.high
    assert 50 <= covered <= 60


def test_too_few_runs_have_no_interval_and_say_so():
    alpha = clustered_alpha([[[0.1, 0.2], [0.5, 0.6], [0.9, 0.7], [0.3, 0.3]]])
    assert alpha.value is not None
    assert alpha.interval.interval is None
    assert "too few runs" in alpha.interval.reason
    assert str(FEWEST_UNITS) in alpha.interval.reason
    nearly = clustered_alpha([[[0.5, 0.5]] * 9 + [[0.5, 1.0]]])
    assert nearly.interval.interval is None
    assert "differ too little" in nearly.interval.reason


def test_bootstrap_of_a_mean_has_the_width_that_theory_gives():
    chance = random.Random(5)
    sample = [chance.gauss(0, 1) for _ in range(400)]
    interval = resample([sample], lambda drawn: fmean(drawn[0])).interval
    assert interval.high - interval.low == pytest.approx(2 * 1.96 / 20, rel=0.15)


def test_mean_over_cases_counts_each_case_once():
    estimate = mean_over_strata([[1.0] * 9, [0.0]])
    assert (estimate.value, estimate.units) == (0.5, 10)
    assert mean_over_strata([[4.0, 4.0], [16.0]], root=True).value == pytest.approx(math.sqrt(10.0))
    assert mean_over_strata([[], []]) is None


def test_percentiles_lie_between_the_values():
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert (percentile([1.0, 5.0], 0.0), percentile([1.0, 5.0], 1.0), percentile([7.0], 0.3)) == (1.0, 5.0, 7.0)


def test_correlations_of_anscombes_first_quartet_and_of_ranks():
    """F. J. Anscombe, The American Statistician 27 (1973): r = 0.816 for each of the four sets."""
    x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0]
    y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    assert pearson(x, y) == pytest.approx(0.816, abs=5e-4)
    assert spearman(x, [value**3 for value in x]) == pytest.approx(1.0)
    assert spearman([1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    assert ranks([0.3, 0.1, 0.3, 0.9]) == [2.5, 1.0, 2.5, 4.0]


@pytest.mark.parametrize(("first", "second"), [([1.0, 2.0], [1.0, 2.0]), ([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0])])
def test_correlation_is_unknown_without_variance_or_with_two_pairs(first, second):
    assert pearson(first, second) is None
    assert spearman(first, second) is None


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=20))
def test_correlations_stay_between_minus_one_and_one(sample):
    first, second = [a for a, _ in sample], [b for _, b in sample]
    for value in (pearson(first, second), spearman(first, second)):
        assert value is None or -1.0 <= value <= 1.0


def test_pairs_use_the_runs_that_both_marked():
    units = [(0.5, 0.7, None), (0.4, None, 0.4), (0.2, 0.1, 0.3), (0.9, 0.8, 0.8)]
    first, second, third = pairs_of(("a", "b", "c"), units)
    assert (first.first, first.second, first.runs) == ("a", "b", 3)
    assert first.mean_difference == pytest.approx(0.0)
    assert first.mean_absolute_difference == pytest.approx((0.2 + 0.1 + 0.1) / 3)
    assert (second.runs, second.mean_difference) == (3, pytest.approx(0.0))
    assert (third.runs, third.pearson) == (2, None)


def test_bias_is_the_distance_from_the_others_on_the_same_run():
    units = [(1.0, 0.5, 0.7), (0.5, None, None), (0.2, 0.4, None), (None, 0.1, 0.1)]
    assert deviations_from_others(units, 0) == pytest.approx([0.4, -0.2])


@settings(max_examples=30, deadline=None)
@given(tables)
def test_alpha_over_items_is_that_of_the_item_when_there_is_one(units):
    alone = item_alpha([[{"i": unit} for unit in units]])
    assert alone.value == (
        None if (value := krippendorff_alpha(units).value) is None else pytest.approx(value, abs=1e-6)
    )


def test_items_of_different_difficulty_do_not_look_like_agreement():
    chance = random.Random(9)
    runs = [
        {"easy": [chance.uniform(0.9, 1) for _ in range(2)], "hard": [chance.uniform(0, 0.1) for _ in range(2)]}
        for _ in range(40)
    ]
    assert abs(item_alpha([runs]).value) < 0.35
