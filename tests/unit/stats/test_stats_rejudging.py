"""What changed is told run by run, by subtest with ranks, and by item; gaps are no change."""

from dataclasses import replace

import pytest
from stats_samples import gap, key
from verdict_samples import RUBRIC, judged, judged_meta

from scylla.domain.rubric import Category, Item, Scoring
from scylla.stats.rejudging import compare_judging

LABELS = ("T0/00", "T0/01")


def runs(shares):
    """One run of each subtest and number; `shares` maps (label, number) to (clear, small) or None."""
    return [judged(key(number, label=label), ("m",), [marks]) for (label, number), marks in shares.items()]


BEFORE = {("T0/00", 1): (1.0, 1.0), ("T0/00", 2): (0.8, 1.0), ("T0/01", 1): (0.2, 0.0), ("T0/01", 2): (0.4, 0.0)}
AFTER = {("T0/00", 1): (0.0, 1.0), ("T0/00", 2): (0.8, 1.0), ("T0/01", 1): (1.0, 1.0), ("T0/01", 2): (1.0, 1.0)}


def changes(before=BEFORE, after=AFTER, *, meta=None, new=None):
    of = meta or judged_meta("m", subtests=LABELS)
    return compare_judging(of, runs(before), new or of, runs(after))


def test_runs_subtests_ranks_and_items():
    found = changes()
    assert found.compared == 4
    differences = [run.difference for run in found.runs]
    assert differences[1] == pytest.approx(0.0)
    assert found.shift.value == pytest.approx(sum(differences) / 4)
    first, second = found.subtests
    assert (first.label, first.runs, first.rank_before, first.rank_after) == ("T0/00", 2, 1.0, 2.0)
    assert (second.rank_before, second.rank_after) == (2.0, 1.0)
    assert second.mean_after == pytest.approx(1.0)
    clear, small = found.items
    assert (clear.item_id, clear.runs, clear.changed_runs) == ("clear", 4, 3)
    assert (clear.mean_before, clear.mean_after) == (pytest.approx(0.6), pytest.approx(0.7))
    assert clear.difference == pytest.approx((1.0 + 0.8 + 0.6) / 4)
    assert small.changed_runs == 2


def test_ties_share_a_rank():
    same = dict.fromkeys(BEFORE, (0.5, 0.5))
    assert [entry.rank_before for entry in changes(before=same).subtests] == [1.5, 1.5]


def test_same_marks_are_no_change():
    found = changes(after=BEFORE)
    assert (found.newly_passed, found.newly_failed, found.shift.value) == (0, 0, 0.0)
    assert [item.changed_runs for item in found.items] == [0, 0]


def test_passing_is_counted_both_ways():
    strict = judged_meta("m", subtests=LABELS)
    strict = replace(strict, cases=(replace(strict.cases[0], rubric=replace(RUBRIC, pass_threshold=0.7)),))
    before, after = runs(BEFORE), runs(AFTER)
    judged_before = [replace(r, score=replace(r.score, passed=r.score.score >= 0.8)) for r in before]
    judged_after = [replace(r, score=replace(r.score, passed=r.score.score >= 0.8)) for r in after]
    found = compare_judging(strict, judged_before, strict, judged_after)
    assert (found.newly_passed, found.newly_failed) == (2, 1)


def test_run_without_a_new_score_is_shown_and_compared_nowhere():
    found = changes(after=AFTER | {("T0/01", 2): None})
    assert found.compared == 3
    assert (found.runs[3].after, found.runs[3].difference) == (None, None)
    assert [entry.runs for entry in found.subtests] == [2, 1]


def test_runs_that_were_not_judged_again_are_left_out():
    found = changes(after={("T0/00", 1): (0.5, 0.5)})
    assert [run.key.run_number for run in found.runs] == [1]
    assert [entry.label for entry in found.subtests] == ["T0/00"]


def test_items_of_one_rubric_alone_have_one_side():
    of = judged_meta("m", subtests=LABELS)
    added = Category(name="new", weight=1.0, items=(Item(id="fresh", text="?", points=1.0, scoring=Scoring.SCALED),))
    kept = replace(RUBRIC.categories[0], items=RUBRIC.categories[0].items[:2])
    other = replace(of, cases=(replace(of.cases[0], rubric=replace(RUBRIC, categories=(kept, added))),))
    found = {item.item_id: item for item in changes(new=other).items}
    assert set(found) == {"clear", "small", "fresh"}
    assert (found["small"].mean_after, found["small"].changed_runs) == (None, None)
    assert (found["fresh"].mean_before, found["fresh"].changed_runs) == (None, None)


def test_nothing_scored_has_no_shift():
    of = judged_meta("m", subtests=LABELS)
    found = compare_judging(of, [gap(key(1))], of, [gap(key(1))])
    assert (found.shift, found.subtests, found.compared) == (None, (), 0)
