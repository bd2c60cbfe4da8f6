"""What planned runs are likely to cost, from those that were scored before."""

import random

import pytest
from stats_samples import key

from scylla.stats.forecast import PastRun, forecast


def past(label, costs, *, case="a", score=0.5):
    return [
        PastRun(key=key(number, label=label, case=case), cost_usd=cost, agent_s=10.0 * (cost or 1), score=score)
        for number, cost in enumerate(costs, 1)
    ]


def planned(label, runs, *, case="a"):
    return [key(number, label=label, case=case) for number in range(1, runs + 1)]


def test_there_is_nothing_to_say_without_history():
    assert forecast(planned("T0/00", 3), []) is None


def test_runs_are_like_those_of_their_own_subtest():
    found = forecast(planned("T0/00", 10), [*past("T0/00", [1.0, 2.0, 3.0]), *past("T0/01", [100.0, 100.0])])
    assert found.cost_usd.expected == pytest.approx(20.0)
    assert found.agent_s.expected == pytest.approx(200.0)
    assert (found.runs, found.like_runs, found.past_runs) == (10, 10, 5)
    # s² = 1, and t with two degrees of freedom is 4.303: the spread is 4.303 √(10 + 100/3).
    assert found.cost_usd.high - found.cost_usd.expected == pytest.approx(4.3027 * (10 + 100 / 3) ** 0.5, rel=1e-3)


def test_a_subtest_without_history_is_like_its_tier_then_its_case_then_all():
    runs = [*past("T0/00", [1.0, 1.0]), *past("T1/01", [5.0, 5.0]), *past("T1/01", [9.0, 9.0], case="b")]
    assert forecast(planned("T0/07", 1), runs).cost_usd.expected == pytest.approx(1.0)
    assert forecast(planned("T3/01", 1), runs).cost_usd.expected == pytest.approx(3.0)
    assert forecast(planned("T3/01", 1, case="c"), runs).cost_usd.expected == pytest.approx(5.0)
    assert forecast(planned("T3/01", 1), runs).like_runs == 0


def test_one_past_run_gives_no_range_and_an_unknown_price_no_cost():
    thin = forecast(planned("T0/00", 4), past("T0/00", [2.0]))
    assert (thin.cost_usd.expected, thin.cost_usd.low, thin.cost_usd.high) == (8.0, None, None)
    assert forecast(planned("T0/00", 4), past("T0/00", [2.0, None])).cost_usd is None


@pytest.mark.parametrize("runs", [2, 3, 5, 20])
def test_the_range_holds_about_95_of_100_sums(runs):
    chance = random.Random(3)
    held = 0
    for _ in range(1000):
        before = [chance.gauss(50, 1) for _ in range(runs)]
        found = forecast(planned("T0/00", 30), past("T0/00", before)).cost_usd
        held += found.low <= sum(chance.gauss(50, 1) for _ in range(30)) <= found.high
    assert 0.93 < held / 1000 < 0.97


def test_the_difference_that_can_be_shown():
    runs = [run for score in (0.4, 0.6) for run in past("T0/00", [1.0, 1.0], score=score)]
    found = forecast(planned("T0/00", 1), runs)
    assert found.smallest_difference(10) == pytest.approx(2.8016 * (0.04 / 3) ** 0.5 * (2 / 10) ** 0.5, rel=1e-3)
    assert forecast(planned("T0/00", 1), past("T0/00", [1.0])).smallest_difference(10) is None
