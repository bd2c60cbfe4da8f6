"""The best subtest of a tier, and its score without the luck of having been picked."""

import random

import pytest
from stats_samples import key, meta, scored, spend, unscored

from scylla.stats.winners import pick_winner, unscored_runs


def runs_of(label, scores, *, tokens=100, case="a"):
    return [
        scored(key(number, label=label, case=case), share, used=spend(1.0, input_tokens=tokens))
        for number, share in enumerate(scores, 1)
    ]


def winner(**runs):
    labels = [f"T0/{name[1:]}" for name in runs]
    records = [record for name, of in runs.items() for record in runs_of(f"T0/{name[1:]}", *of[:1], tokens=of[1])]
    return pick_winner("T0", meta(subtests=labels), records)


def test_the_highest_median_wins_however_good_the_mean_of_another_is():
    found = winner(s00=([0.5, 0.5, 1.0], 10), s01=([0.6, 0.6, 0.0], 999))
    assert (found.label, found.median_score, found.mean_score, found.candidates, found.runs) == (
        "T0/01",
        0.6,
        pytest.approx(0.4),
        2,
        3,
    )
    assert found.setup_digest == "T0/01"


def test_within_the_margin_fewer_tokens_win():
    assert winner(s00=([0.90], 200), s01=([0.86], 100)).label == "T0/01"
    assert winner(s00=([0.90], 200), s01=([0.85], 100)).label == "T0/00", "exactly .05 apart is not within the margin"
    assert winner(s00=([0.90], 200), s01=([0.89], 300)).label == "T0/00"


def test_ties_have_a_rule():
    assert winner(s00=([0.8, 0.8, 0.8], 100), s01=([0.8, 0.8, 0.9], 100)).label == "T0/01", "the higher mean"
    assert winner(s00=([0.8, 0.8], 100), s01=([0.8, 0.8], 100)).label == "T0/00", "the lower id"
    assert winner(s00=([0.80], 100), s01=([0.82], 100)).label == "T0/01", "the higher median"


def test_each_case_counts_once():
    records = [
        *runs_of("T0/00", [1.0] * 5, case="a"), *runs_of("T0/00", [0.0], case="b"),
        *runs_of("T0/01", [0.0] * 5, case="a"), *runs_of("T0/01", [1.0], case="b"),
        *runs_of("T0/02", [0.6] * 5, case="a"), *runs_of("T0/02", [0.6], case="b"),
    ]  # fmt: skip
    labels = ("T0/00", "T0/01", "T0/02")
    assert pick_winner("T0", meta(cases=("a", "b"), subtests=labels), records).label == "T0/02"


def test_the_corrected_score_is_from_runs_that_had_no_say():
    # Without run 1 the other subtest wins, and so on: each block is scored by what the other blocks pick.
    found = winner(s00=([1.0, 0.0, 0.6], 10), s01=([0.0, 1.0, 0.5], 10))
    assert found.label == "T0/00"
    assert found.median_score == 0.6
    # Held back 1: medians .3 and .75 → 01 scores 0; held back 2: .8 and .25 → 00 scores 0; held back 3: .5 and .5 → 00.
    assert found.corrected_score == pytest.approx((0.0 + 0.0 + 0.6) / 3)


def test_the_correction_takes_the_luck_away():
    """Twenty subtests that are equally good: the winner's own mean is far too high, the corrected one is not."""
    chance = random.Random(7)
    naive, corrected = [], []
    for _ in range(60):
        runs = {f"s{number:02d}": ([chance.gauss(0.5, 0.1) for _ in range(5)], 100) for number in range(20)}
        found = winner(**runs)
        naive.append(found.mean_score)
        corrected.append(found.corrected_score)
    assert sum(naive) / 60 > 0.55
    assert sum(corrected) / 60 == pytest.approx(0.5, abs=0.02)


def test_too_few_runs_for_a_correction():
    assert winner(s00=([0.9], 10), s01=([0.2], 10)).corrected_score is None
    records = [*runs_of("T0/00", [0.9, 0.8]), *runs_of("T0/01", [0.1])]
    assert pick_winner("T0", meta(subtests=("T0/00", "T0/01")), records).corrected_score is None


def test_a_tier_that_is_not_complete_has_no_winner_yet():
    records = [*runs_of("T0/00", [0.9]), unscored(key(2)), scored(key(label="T1/01"), 1.0)]
    assert unscored_runs(["T0", "T1"], records) == 1
    assert unscored_runs(["T1"], records) == 0
    with pytest.raises(ValueError, match="T2"):
        pick_winner("T2", meta(), records)


@pytest.mark.parametrize(("high", "low"), [(0.85, 0.8), (0.9, 0.85), (0.65, 0.6)])
def test_exactly_the_margin_apart_is_not_the_same(high, low):
    assert winner(s00=([low] * 3, 1), s01=([high] * 3, 999)).label == "T0/01"
