"""Runs are ordered in randomised blocks, so that the hour of the day is not confounded with a tier."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scylla.domain.case import Case, Source, SourceKind
from scylla.domain.plan import order_in_blocks
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Rubric
from scylla.domain.tier import Setup, Subtest


def case(case_id, tiers=()):
    return Case(
        id=case_id, name="", description="", language="any", folder=Path("/c"),
        source=Source(kind=SourceKind.FOLDER, location="/c", commit=None), prompt="p", criteria="",
        rubric=Rubric(categories=(), pass_threshold=0.5, grade_scale=DEFAULT_GRADE_SCALE), timeout_s=1.0,
        max_cost_usd=None, tiers=tiers, tags=(), offline_file=None, digest="d",
    )  # fmt: skip


CASES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sets(st.sampled_from(["T0", "T1"]))), unique_by=lambda pair: pair[0]
).map(lambda pairs: [case(case_id, tuple(sorted(tiers))) for case_id, tiers in pairs])
SUBTESTS = st.sets(st.tuples(st.sampled_from(["T0", "T1"]), st.sampled_from(["00", "01", "02"]))).map(
    lambda pairs: [Subtest(tier=tier, id=id_, name="", description="", setup=Setup()) for tier, id_ in sorted(pairs)]
)
RUNS = st.integers(0, 5)
SEEDS = st.integers(0, 2**32)


def cells(cases, subtests):
    return {
        (case.id, subtest.tier, subtest.id)
        for case in cases
        for subtest in subtests
        if not case.tiers or subtest.tier in case.tiers
    }


@given(CASES, SUBTESTS, RUNS, SEEDS)
def test_every_run_stands_in_the_order_exactly_once(cases, subtests, runs, seed):
    order = order_in_blocks(cases, subtests, runs, seed=seed)
    assert len(order) == len(set(order))
    assert {(key.case_id, key.tier, key.subtest, key.run_number) for key in order} == {
        (*cell, number) for cell in cells(cases, subtests) for number in range(1, runs + 1)
    }


@given(CASES, SUBTESTS, RUNS, SEEDS)
def test_each_block_holds_one_run_of_each_cell(cases, subtests, runs, seed):
    order = order_in_blocks(cases, subtests, runs, seed=seed)
    width = len(cells(cases, subtests))
    for number in range(1, runs + 1):
        block = order[(number - 1) * width : number * width]
        assert {key.run_number for key in block} <= {number}
        assert {(key.case_id, key.tier, key.subtest) for key in block} == cells(cases, subtests)


@given(CASES, SUBTESTS, RUNS, RUNS, SEEDS)
def test_more_runs_only_append(cases, subtests, runs, more, seed):
    short = order_in_blocks(cases, subtests, runs, seed=seed)
    assert order_in_blocks(cases, subtests, runs + more, seed=seed)[: len(short)] == short


def test_the_seed_alone_decides_the_order_and_blocks_differ():
    cases = [case("a"), case("b")]
    subtests = [Subtest(tier="T0", id=f"{n:02d}", name="", description="", setup=Setup()) for n in range(10)]
    one, again, other = (order_in_blocks(cases, subtests, 2, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert sorted(one) == sorted(other)
    first, second = ([(key.case_id, key.subtest) for key in block] for block in (one[:20], one[20:]))
    assert first != second
