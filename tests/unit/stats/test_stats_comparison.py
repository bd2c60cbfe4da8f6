"""A person's own set-ups against the first of them."""

import random

import pytest
from stats_samples import meta, scored, spend

from scylla.domain.experiment import SubtestMeta
from scylla.domain.plan import RunKey
from scylla.stats.comparison import FEWEST_RUNS, _interval, compare_setups
from scylla.stats.formulas import student_t


def compare(*scores, cost=(1.0, 1.0, 1.0), cases=("a",)):
    """One list of scores for each set-up, the same on every case."""
    labels = [f"{number:02d}" for number in range(len(scores))]
    subtests = tuple(SubtestMeta(tier="S", id=n, name=f"set-up {n}", description="", setup_digest=n) for n in labels)
    records = [
        scored(
            RunKey(case_id=case, tier="S", subtest=label, run_number=number),
            share,
            used=None if cost[index] is None else spend(cost[index]),
        )
        for case in cases
        for index, (label, of) in enumerate(zip(labels, scores, strict=True))
        for number, share in enumerate(of, 1)
    ]
    described = meta(cases=cases)
    return compare_setups(type(described)(**{**fields_of(described), "subtests": subtests}), records)


def fields_of(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_a_clear_difference_is_shown_with_its_size():
    (found,) = compare([0.2, 0.3, 0.25, 0.2, 0.3], [0.8, 0.9, 0.85, 0.9, 0.8], cost=(1.0, 1.5))
    assert found.difference == pytest.approx(0.6)
    assert found.interval.low > 0.5
    assert found.interval.high < 0.7
    assert found.p_value < 0.02
    assert found.is_shown
    assert found.cost_difference_usd == pytest.approx(0.5)
    assert (found.name, found.base_name, found.runs, found.base_runs) == ("set-up 01", "set-up 00", 5, 5)


def test_the_smallest_p_value_is_that_of_the_most_extreme_arrangements():
    """Five against five, all lower: 2 of 252 arrangements are as extreme."""
    (found,) = compare([0.1, 0.2, 0.3, 0.4, 0.5], [0.6, 0.7, 0.8, 0.9, 1.0])
    assert found.p_value == pytest.approx(2 / 252, rel=0.35)


def test_no_difference_is_not_shown():
    (found,) = compare([0.5, 0.6, 0.4, 0.5, 0.6], [0.5, 0.4, 0.6, 0.6, 0.5])
    assert not found.is_shown
    assert found.interval.low < 0 < found.interval.high
    (same,) = compare([1.0] * 5, [1.0] * 5)
    assert (same.difference, same.p_value, same.is_shown) == (0.0, 1.0, False)


def test_too_few_runs_give_neither_interval_nor_p():
    (found,) = compare([0.1] * (FEWEST_RUNS - 1), [1.0] * FEWEST_RUNS)
    assert (found.interval, found.p_value, found.is_shown) == (None, None, False)
    assert found.difference == pytest.approx(0.9)


def test_more_set_ups_raise_the_bar():
    base, better = [0.40, 0.50, 0.60, 0.45, 0.55], [0.55, 0.62, 0.70, 0.58, 0.66]
    (alone,) = compare(base, better)
    two = compare(base, better, base[::-1])
    assert two[0].p_value == pytest.approx(2 * alone.p_value)
    assert compare(base) == ()


def test_each_case_counts_once_and_costs_may_be_unknown():
    (found,) = compare([0.2] * 5, [0.6] * 5, cases=("a", "b"))
    assert (found.cases, found.runs, found.difference) == (2, 10, pytest.approx(0.4))


def test_the_interval_is_that_of_welch():
    """Against the textbook figures: means 2 and 3, variances 1 and 4, five runs each, 5.88 degrees of freedom."""
    (found,) = compare([1.0, 1.0, 2.0, 3.0, 3.0], [1.0, 1.0, 3.0, 5.0, 5.0])
    assert found.difference == pytest.approx(1.0)
    assert found.interval.high - 1.0 == pytest.approx(2.459 * (1 / 5 + 4 / 5) ** 0.5, rel=2e-3)


def test_the_interval_holds_the_truth_in_about_95_of_100_cases():
    chance = random.Random(11)
    held = 0
    for _ in range(300):
        scores = [([chance.gauss(0, 1) for _ in range(5)], [chance.gauss(0.5, 2) for _ in range(5)])]
        found = _interval(scores)
        held += found.low <= 0.5 <= found.high
    assert 0.92 < held / 300 < 0.98


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.706), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (10, 2.2281), (30, 2.0423)],
)
def test_students_t_is_that_of_the_tables(degrees, expected):
    assert student_t(0.95, degrees) == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_holds_the_difference(seed):
    chance = random.Random(seed)
    runs = [[chance.random() for _ in range(5)] for _ in range(2)]
    (found,) = compare(*runs)
    assert found.interval.low <= found.difference <= found.interval.high
    assert 0 < found.p_value <= 1
