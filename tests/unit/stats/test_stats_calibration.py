"""Judges against people: errors by hand, what is too thin to say, and which judge is worth its money."""

import math
import random

import pytest
from stats_samples import key
from verdict_samples import judged, judged_meta

from scylla.domain.human import HumanMark
from scylla.stats.calibration import ALL_JUDGES, FEWEST_RUNS, calibrate

TWO = ("cheap", "dear")


def human(number, clear, small, *, rater="", case="a"):
    of = key(number, case=case)
    shares = {"clear": clear, "small": small}
    return [HumanMark(key=of, item_id=item, rater=rater, share=share) for item, share in shares.items()]


def sample(runs, *, errors, costs=None, seed=1, models=TWO):
    """Records and people's marks; each judge is off by its (bias, sd) from people."""
    chance = random.Random(seed)
    records, marks = [], []
    for number in range(1, runs + 1):
        true = (chance.uniform(0.3, 0.7), chance.uniform(0.3, 0.7))
        given = [tuple(min(1.0, max(0.0, share + chance.gauss(*errors[m]))) for share in true) for m in models]
        records.append(judged(key(number), models, given, costs=costs))
        marks += human(number, *true)
    return records, marks


def by_judge(calibration):
    return {entry.errors.judge: entry for entry in calibration.judges}


def test_errors_by_hand():
    records = [judged(key(1), ("m",), [(0.5, 1.0)]), judged(key(2), ("m",), [(0.0, 0.5)])]
    marks = human(1, 0.4, 0.4) + human(2, 0.5, 0.5)
    (entry,) = calibrate(judged_meta("m"), records, marks).judges
    errors = entry.errors
    assert (errors.judge, errors.runs, errors.marks, errors.split) == ("m", 2, 4, 0)
    assert errors.bias.value == pytest.approx(((0.1 + 0.6) / 2 + (-0.5 + 0.0) / 2) / 2)
    assert errors.mae.value == pytest.approx(((0.1 + 0.6) / 2 + (0.5 + 0.0) / 2) / 2)
    assert errors.rmse.value == pytest.approx(math.sqrt(((0.01 + 0.36) / 2 + 0.25 / 2) / 2))
    assert entry.cost_per_run_usd == pytest.approx(0.5)
    assert errors.mae.interval.interval is None, "two runs have no interval"


def test_each_item_has_its_own_errors_with_its_number_of_marks():
    records, marks = sample(12, errors={"cheap": (0.2, 0.0), "dear": (0.0, 0.0)})
    items = calibrate(judged_meta(*TWO), records, marks).items
    assert [(entry.item_id, entry.errors.judge) for entry in items] == [
        (item, judge) for item in ("clear", "small") for judge in (*TWO, ALL_JUDGES)
    ]
    assert [entry.errors.bias.value for entry in items] == pytest.approx([0.2, 0.0, 0.1] * 2)
    assert items[0].errors.marks == 12
    assert items[1].errors.alpha.value == pytest.approx(1.0)
    assert items[0].errors.mae.interval.interval.low == pytest.approx(0.2)


COSTS = {"cheap": 0.01, "dear": 1.0}


def with_common_errors(runs, *, cheap_extra):
    """Both judges are off in the same direction on the same run, the cheap one by a little more."""
    chance = random.Random(2)
    records, marks = [], []
    for number in range(1, runs + 1):
        off = chance.uniform(-0.2, 0.2)
        worse = off + cheap_extra * (1 if off > 0 else -1)
        records.append(judged(key(number), TWO, [(0.5 + worse, 0.5 + worse), (0.5 + off, 0.5 + off)], costs=COSTS))
        marks += human(number, 0.5, 0.5)
    return records, marks


def test_judge_within_the_interval_of_the_best_is_preferred_when_it_is_cheaper():
    calibration = calibrate(judged_meta(*TWO), *with_common_errors(40, cheap_extra=0.002))
    entries = by_judge(calibration)
    assert [entries[judge].cost_per_run_usd for judge in (*TWO, ALL_JUDGES)] == pytest.approx([0.01, 1.0, 1.01])
    assert entries["dear"].errors.mae.value < entries["cheap"].errors.mae.value
    assert calibration.recommended == "cheap"
    assert "within the interval of the best one's (dear:" in calibration.reason


def test_cheap_judge_outside_the_interval_of_the_best_is_not_worth_its_money():
    calibration = calibrate(judged_meta(*TWO), *with_common_errors(40, cheap_extra=0.1))
    assert calibration.recommended == "dear"


def test_judges_whose_errors_cancel_are_best_together():
    errors = {"cheap": (0.2, 0.05), "dear": (-0.2, 0.05)}
    calibration = calibrate(judged_meta(*TWO), *sample(40, errors=errors, costs=COSTS))
    assert calibration.recommended == ALL_JUDGES


@pytest.mark.parametrize("runs", [1, FEWEST_RUNS - 1])
def test_thin_data_recommend_nobody_and_say_so(runs):
    calibration = calibrate(judged_meta(*TWO), *sample(runs, errors={"cheap": (0.0, 0.1), "dear": (0.0, 0.1)}))
    assert calibration.recommended is None
    assert "too thin" in calibration.reason
    assert str(runs) in calibration.reason


def test_unknown_cost_recommends_nobody():
    errors = {"cheap": (0.0, 0.1), "dear": (0.0, 0.1)}
    calibration = calibrate(judged_meta(*TWO), *sample(20, errors=errors, costs={"cheap": None}))
    assert calibration.recommended is None
    assert "not known for cheap" in calibration.reason


def test_marks_of_runs_that_no_judge_marked_are_passed_over():
    records = [judged(key(1), ("m",), [None])]
    calibration = calibrate(judged_meta("m"), records, human(1, 0.5, 0.5))
    (entry,) = calibration.judges
    assert (entry.errors.marks, entry.errors.mae) == (0, None)
    assert calibration.recommended is None
    assert "both a judge and a person" in calibration.reason


def test_dispute_over_whether_an_item_applies_is_counted_and_is_no_error():
    records = [judged(key(1), ("m",), [(0.5, None)]), judged(key(2), ("m",), [(0.5, 0.5)])]
    marks = human(1, 0.5, 0.5) + human(2, 0.5, None)
    (entry,) = calibrate(judged_meta("m"), records, marks).judges
    assert (entry.errors.split, entry.errors.marks, entry.errors.mae.value) == (2, 2, 0.0)
    both = human(1, 0.5, None)
    assert calibrate(judged_meta("m"), records, both).judges[0].errors.split == 0


def test_people_are_averaged_and_their_own_agreement_is_shown():
    records, _ = sample(12, errors={"m": (0.0, 0.0)}, models=("m",))
    chance = random.Random(3)
    marks = []
    for number in range(1, 13):
        true = chance.random()
        marks += human(number, true, true, rater="ann") + human(number, 1 - true, 1 - true, rater="bob")
    calibration = calibrate(judged_meta("m"), records, marks)
    assert calibration.raters == ("ann", "bob")
    assert calibration.people.value < 0
    (entry,) = calibration.judges
    assert entry.errors.marks == 24, "not twice"
    assert calibrate(judged_meta("m"), records, marks[:2]).people is None


def test_easy_and_hard_cases_or_items_are_no_agreement():
    of = judged_meta("m", cases=("a", "b"))
    chance = random.Random(5)
    records, marks = [], []
    for case, low in (("a", 0.0), ("b", 0.8)):
        for number in range(1, 31):
            given, true = (tuple(low + 0.2 * chance.random() for _ in range(2)) for _ in range(2))
            records.append(judged(key(number, case=case), ("m",), [given]))
            marks += human(number, *true, case=case)
    (entry,) = calibrate(of, records, marks).judges
    assert abs(entry.errors.pearson) < 0.4
    assert abs(entry.errors.alpha.value) < 0.4
    assert entry.errors.mae.value < 0.1
