"""What must hold of every score, whatever the rubric and whatever was marked."""

import math
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring
from scylla.domain.score import ItemMark, ItemSpread, grade_of, is_valid_mark, item_spread, score_run

WEIGHTS = st.integers(1, 40).map(lambda hundredths: hundredths / 40)
POINTS = st.sampled_from([0.5, 1.0, 1.5, 2.0, 10.0])
SHARES = st.floats(0.0, 1.0)


@st.composite
def rubrics(draw):
    categories = [
        Category(
            name=f"c{place}",
            weight=draw(WEIGHTS),
            items=tuple(
                Item(id=f"{place}.{number}", text="t", points=draw(POINTS), scoring=Scoring.SCALED, na_condition="may")
                for number in range(draw(st.integers(1, 4)))
            ),
        )
        for place in range(draw(st.integers(1, 4)))
    ]
    return Rubric(categories=tuple(categories), pass_threshold=draw(SHARES), grade_scale=DEFAULT_GRADE_SCALE)


@st.composite
def graded(draw, *, may_leave_out=True):
    """A rubric with the marks of one to three judges, each of all items."""
    rubric = draw(rubrics())
    verdicts = []
    for _ in range(draw(st.integers(1, 3))):
        shares = [draw(st.none() | SHARES if may_leave_out else SHARES) for _ in rubric.items]
        verdicts.append(marks(rubric, shares))
    return rubric, verdicts


def marks(rubric, shares):
    return tuple(
        ItemMark(item_id=item.id, points=None if share is None else share * item.points, reason="")
        for item, share in zip(rubric.items, shares, strict=True)
    )


def same(rubric, share):
    return marks(rubric, [share] * len(rubric.items))


@given(graded())
def test_score_and_category_scores_are_shares_and_grade_and_passed_follow(sample):
    rubric, verdicts = sample
    score = score_run(rubric, checks=(), verdicts=verdicts)
    assume(score is not None)
    assert 0.0 <= score.score <= 1.0
    assert all(category.score is None or 0.0 <= category.score <= 1.0 + 1e-12 for category in score.categories)
    assert score.grade == grade_of(score.score, rubric.grade_scale)
    if not math.isclose(score.score, rubric.pass_threshold, rel_tol=1e-6, abs_tol=1e-9):
        assert score.passed == (score.score > rubric.pass_threshold)


@given(rubrics(), st.integers(1, 3))
def test_full_points_are_one_and_s_and_no_points_are_zero_and_f(rubric, judges):
    best = score_run(rubric, checks=(), verdicts=[same(rubric, 1.0)] * judges)
    worst = score_run(rubric, checks=(), verdicts=[same(rubric, 0.0)] * judges)
    assert math.isclose(best.score, 1.0)
    assert (best.grade, best.passed) == ("S", True)
    assert (worst.score, worst.grade) == (0.0, "F")


@given(graded(may_leave_out=False), st.data())
def test_more_points_never_lower_a_score(sample, data):
    rubric, verdicts = sample
    judge = data.draw(st.integers(0, len(verdicts) - 1))
    place = data.draw(st.integers(0, len(rubric.items) - 1))
    mark, item = verdicts[judge][place], rubric.items[place]
    raised = replace(mark, points=mark.points + data.draw(SHARES) * (item.points - mark.points))
    after = list(verdicts)
    after[judge] = (*verdicts[judge][:place], raised, *verdicts[judge][place + 1 :])
    before = score_run(rubric, checks=(), verdicts=verdicts).score
    assert score_run(rubric, checks=(), verdicts=after).score >= before - 1e-12


@given(graded())
def test_items_that_do_not_apply_leave_the_weighted_mean_of_the_rest(sample):
    rubric, (verdict, *_) = sample
    given_points = {mark.item_id: mark.points for mark in verdict}
    shares = []
    for category in rubric.categories:
        applying = [item for item in category.items if given_points[item.id] is not None]
        if applying:
            achieved = sum(given_points[item.id] for item in applying)
            shares.append((category.weight, achieved / sum(item.points for item in applying)))
    score = score_run(rubric, checks=(), verdicts=[verdict])
    if not shares:
        assert score is None
        return
    expected = sum(weight * share for weight, share in shares) / sum(weight for weight, _ in shares)
    assert math.isclose(score.score, expected, rel_tol=1e-9, abs_tol=1e-12)


@given(graded(may_leave_out=False), st.data())
def test_run_is_unscored_exactly_when_an_item_lacks_a_mark(sample, data):
    rubric, verdicts = sample
    missing = data.draw(st.sets(st.sampled_from([item.id for item in rubric.items])))
    rest = [[mark for mark in verdict if mark.item_id not in missing] for verdict in verdicts]
    assert (score_run(rubric, checks=(), verdicts=rest) is None) == bool(missing)


@given(graded(may_leave_out=False), st.data())
def test_it_does_not_matter_whether_a_check_or_a_judge_gave_the_points(sample, data):
    rubric, (verdict, *_) = sample
    checked = data.draw(st.sets(st.sampled_from(range(len(verdict)))))
    checks = [mark for place, mark in enumerate(verdict) if place in checked]
    judged = [mark for place, mark in enumerate(verdict) if place not in checked]
    assert score_run(rubric, checks=checks, verdicts=[judged]) == score_run(rubric, checks=(), verdicts=[verdict])


@given(graded())
def test_the_order_of_judges_does_not_matter(sample):
    rubric, verdicts = sample
    there, back = (score_run(rubric, checks=(), verdicts=order) for order in (verdicts, verdicts[::-1]))
    assert (there is None) == (back is None)
    if there is not None:
        assert math.isclose(there.score, back.score, rel_tol=1e-12, abs_tol=1e-12)


@given(graded(may_leave_out=False))
def test_score_of_several_judges_is_the_mean_of_their_scores(sample):
    rubric, verdicts = sample
    each = [score_run(rubric, checks=(), verdicts=[verdict]).score for verdict in verdicts]
    together = score_run(rubric, checks=(), verdicts=verdicts).score
    assert math.isclose(together, sum(each) / len(each), rel_tol=1e-9, abs_tol=1e-12)


def test_item_does_not_apply_only_when_more_than_half_of_the_judges_say_so():
    item = Item(id="0.0", text="t", points=2.0, scoring=Scoring.SCALED, na_condition="may")
    category = Category(name="c", weight=1.0, items=(item, replace(item, id="0.1")))
    rubric = Rubric(categories=(category,), pass_threshold=0.5, grade_scale=DEFAULT_GRADE_SCALE)
    out, one = marks(rubric, [None, 0.0]), marks(rubric, [1.0, 0.0])
    assert dict(score_run(rubric, checks=(), verdicts=[out, one]).points) == {"0.0": 2.0, "0.1": 0.0}
    assert dict(score_run(rubric, checks=(), verdicts=[out, out, one]).points) == {"0.0": None, "0.1": 0.0}


def test_mark_that_sets_an_item_aside_which_always_applies_counts_for_nothing():
    item = Item(id="0.0", text="t", points=2.0, scoring=Scoring.SCALED)
    category = Category(name="c", weight=1.0, items=(item,))
    rubric = Rubric(categories=(category,), pass_threshold=0.5, grade_scale=DEFAULT_GRADE_SCALE)
    out, one = marks(rubric, [None]), marks(rubric, [0.5])
    assert dict(score_run(rubric, checks=(), verdicts=[out, out, one]).points) == {"0.0": 1.0}
    assert score_run(rubric, checks=(), verdicts=[out, out]) is None, "nobody decided it"


def test_points_of_an_item_are_the_mean_over_the_judges_that_gave_points():
    item = Item(id="0.0", text="t", points=2.0, scoring=Scoring.SCALED, na_condition="may")
    rubric = Rubric(
        categories=(Category(name="c", weight=1.0, items=(item,)),), pass_threshold=0.5, grade_scale=DEFAULT_GRADE_SCALE
    )
    verdicts = [marks(rubric, [share]) for share in (None, 0.5, 1.0, None)]
    assert dict(score_run(rubric, checks=(), verdicts=verdicts).points) == {"0.0": 1.5}, "a tie applies"


def test_spread_of_an_item_is_over_the_judges_that_gave_points():
    judged = Item(id="0.0", text="t", points=2.0, scoring=Scoring.SCALED, na_condition="may")
    checked = replace(judged, id="0.1", check=Check(run="true"))
    rubric = Rubric(
        categories=(Category(name="c", weight=1.0, items=(checked, judged)),),
        pass_threshold=0.5,
        grade_scale=DEFAULT_GRADE_SCALE,
    )
    verdicts = [(ItemMark(item_id="0.0", points=points, reason=""),) for points in (2.0, None, 0.0, 1.0)]
    (spread,) = item_spread(verdicts, rubric)
    assert spread == ItemSpread(
        item_id="0.0", maximum=2.0, judges=4, not_applicable=1, mean=1.0, min=0.0, max=2.0, sd=1.0
    )
    (one,) = item_spread(verdicts[:2], rubric)
    assert (one.mean, one.min, one.max, one.sd) == (2.0, 2.0, 2.0, None), "one judge has no spread"
    (none,) = item_spread([], rubric)
    assert (none.judges, none.mean, none.min, none.max, none.sd) == (0, None, None, None, None)


@given(graded())
def test_spread_agrees_with_the_points_of_the_score(sample):
    rubric, verdicts = sample
    score = score_run(rubric, checks=(), verdicts=verdicts)
    assume(score is not None)
    points = dict(score.points)
    for spread in item_spread(verdicts, rubric):
        assert spread.judges == len(verdicts)
        if points[spread.item_id] is not None:
            assert spread.mean == points[spread.item_id]
            assert spread.min <= spread.mean + 1e-9
            assert spread.mean <= spread.max + 1e-9
            assert spread.not_applicable * 2 <= spread.judges


@given(SHARES, SHARES)
def test_better_scores_never_have_worse_grades(left, right):
    order = [grade for grade, _ in DEFAULT_GRADE_SCALE]
    low, high = sorted((left, right))
    assert order.index(grade_of(high, DEFAULT_GRADE_SCALE)) <= order.index(grade_of(low, DEFAULT_GRADE_SCALE))


def test_grades_begin_at_their_threshold_even_for_sums_of_decimals():
    for grade, lowest in DEFAULT_GRADE_SCALE:
        assert grade_of(lowest, DEFAULT_GRADE_SCALE) == grade
    assert 0.1 + 0.7 < 0.8
    for score, grade in ((0.1 + 0.7, "A"), (3 * 0.1 + 3 * 0.1, "B"), (0.1 * 3 + 0.1, "C"), (sum([0.1] * 10), "S")):
        assert grade_of(score, DEFAULT_GRADE_SCALE) == grade
    assert grade_of(0.79, DEFAULT_GRADE_SCALE) == "B"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_only_points_from_zero_to_the_maximum_are_valid(points):
    item = Item(id="i", text="t", points=2.0, scoring=Scoring.SCALED)
    assert is_valid_mark(ItemMark(item_id="i", points=points, reason=""), item) == (0.0 <= points <= 2.0)
    assert not is_valid_mark(ItemMark(item_id="i", points=None, reason=""), item)
    assert is_valid_mark(ItemMark(item_id="i", points=None, reason=""), replace(item, na_condition="no tests"))
