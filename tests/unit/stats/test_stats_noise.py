"""Judge noise is told from the spread between runs, and nothing is claimed that was not measured."""

import math
import random
from statistics import fmean, variance

import pytest

from scylla.stats.noise import NoiseSource, pooled_variance, split_noise


def cells(*, runs, judges, repeats, run_sd, judge_sd, severity=(), count=12, seed=1):
    """Cells of runs whose scores are cell + run + judge's severity + noise of the verdict."""
    chance = random.Random(seed)
    severity = severity or (0.0,) * judges

    def run(middle):
        true = middle + chance.gauss(0, run_sd)
        return [[true + severity[judge] + chance.gauss(0, judge_sd) for _ in range(repeats)] for judge in range(judges)]

    return [[run(middle) for _ in range(runs)] for middle in (chance.random() for _ in range(count))]


@pytest.mark.parametrize(("judges", "repeats"), [(1, 3), (2, 2), (3, 1)])
def test_both_parts_are_found_again(judges, repeats):
    sample = cells(
        runs=30, judges=judges, repeats=repeats, run_sd=0.1, judge_sd=0.2, severity=(0.0, 0.3, -0.4)[:judges]
    )
    noise = split_noise(sample)
    assert noise.source is (NoiseSource.REPEATS if repeats > 1 else NoiseSource.JUDGES)
    assert noise.judge_sd == pytest.approx(0.2, rel=0.1)
    assert noise.run_sd == pytest.approx(0.1, rel=0.2)
    assert noise.verdicts_per_run == pytest.approx(judges * repeats)
    assert noise.judge_part_sd == pytest.approx(noise.judge_sd / math.sqrt(judges * repeats))
    assert noise.observed_sd**2 == pytest.approx(noise.judge_part_sd**2 + noise.run_sd**2)
    assert noise.judge_share == pytest.approx(noise.judge_part_sd**2 / noise.observed_sd**2)


def test_observed_spread_is_that_of_the_means_within_cells():
    sample = [[[[0.1, 0.3]], [[0.6, 0.8]]], [[[0.5, 0.5]], [[0.5, 0.7]]]]
    noise = split_noise(sample)
    means = [[0.2, 0.7], [0.5, 0.6]]
    assert noise.observed_sd == pytest.approx(math.sqrt(fmean(variance(cell) for cell in means)))
    assert noise.judge_sd == pytest.approx(math.sqrt((0.02 + 0.02 + 0.0 + 0.02) / 4))
    assert noise.degrees == 4


def test_strict_judge_is_no_noise():
    noise = split_noise([[[[0.9], [0.4]], [[0.7], [0.2]], [[0.8], [0.3]]]])
    assert noise.judge_sd == pytest.approx(0.0, abs=1e-9)
    assert noise.run_sd == pytest.approx(noise.observed_sd)
    assert noise.degrees == 2


def test_noise_larger_than_the_spread_leaves_nothing_for_the_runs():
    noise = split_noise([[[[0.0, 1.0]], [[1.0, 0.0]], [[0.0, 1.0]]]])
    assert (noise.run_sd, noise.judge_share) == (0.0, None), "the observed spread itself is zero"
    noisy = split_noise([[[[0.0, 1.0]], [[1.0, 0.1]], [[0.0, 1.0]]]])
    assert (noisy.run_sd, noisy.judge_share) == (0.0, 1.0)


def test_one_verdict_for_each_run_tells_nothing_of_the_judge():
    noise = split_noise([[[[0.1]], [[0.5]]]])
    assert noise.source is NoiseSource.NOTHING
    assert (noise.judge_sd, noise.run_sd, noise.judge_share) == (None, None, None)
    assert noise.observed_sd == pytest.approx(math.sqrt(0.08))
    assert "judged twice" in noise.reason


def test_repeats_of_single_runs_tell_the_noise_but_not_the_split():
    noise = split_noise([[[[0.1, 0.3]]], [[[0.5, 0.5]]]])
    assert noise.judge_sd == pytest.approx(0.1)
    assert (noise.observed_sd, noise.run_sd) == (None, None)
    assert noise.reason


def test_nothing_at_all():
    assert split_noise([]).source is NoiseSource.NOTHING
    assert split_noise([[[[], []]]]).verdicts_per_run is None
    assert pooled_variance([[], [1.0]]) == (None, 0)
