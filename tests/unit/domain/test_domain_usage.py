"""Spending adds up in any order, and what is not known stays unknown."""

import math

from hypothesis import given
from hypothesis import strategies as st

from scylla.domain.usage import ModelSpend, Spend, Tokens, add_costs

COUNTS = st.integers(0, 10**9)
TOKENS = st.builds(
    Tokens,
    input_tokens=COUNTS,
    output_tokens=COUNTS,
    cache_creation_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_creation_1h_tokens=COUNTS,
)
COSTS = st.none() | st.floats(0.0, 1e4)


@st.composite
def spends(draw, costs=COSTS):
    models = sorted(draw(st.sets(st.sampled_from("abcd"))))
    return Spend(
        by_model=tuple(
            ModelSpend(model=model, tokens=draw(TOKENS), requests=draw(COUNTS), cost_usd=draw(costs))
            for model in models
        ),
        estimated=draw(st.booleans()),
    )


def assert_same(left, right):
    assert left.estimated == right.estimated
    assert [(entry.model, entry.tokens, entry.requests) for entry in left.by_model] == [
        (entry.model, entry.tokens, entry.requests) for entry in right.by_model
    ]
    for one, other in zip(left.by_model, right.by_model, strict=True):
        assert (one.cost_usd is None) == (other.cost_usd is None)
        assert one.cost_usd is None or math.isclose(one.cost_usd, other.cost_usd, rel_tol=1e-9, abs_tol=1e-12)


@given(spends(), spends(), spends())
def test_spending_adds_up_in_any_order(one, two, three):
    assert_same(one + two, two + one)
    assert_same((one + two) + three, one + (two + three))
    assert_same(one + Spend(), one)
    assert_same(sum([one, two, three], Spend()), three + two + one)


@given(spends(), spends())
def test_sums_keep_every_token_and_request_and_models_stay_sorted(one, two):
    both = one + two
    assert both.tokens == one.tokens + two.tokens
    assert both.requests == one.requests + two.requests
    assert [entry.model for entry in both.by_model] == sorted({entry.model for entry in (*one.by_model, *two.by_model)})


@given(spends(), spends())
def test_one_unknown_cost_makes_the_sum_unknown(one, two):
    known = one.cost_usd is not None and two.cost_usd is not None
    both = (one + two).cost_usd
    assert (both is not None) == known
    if known:
        assert math.isclose(both, one.cost_usd + two.cost_usd, rel_tol=1e-9, abs_tol=1e-12)


@given(st.lists(COSTS))
def test_costs_are_unknown_exactly_when_one_is(costs_usd):
    assert (add_costs(costs_usd) is None) == (None in costs_usd)


def test_nothing_used_costs_nothing_and_is_not_unknown():
    assert Spend().cost_usd == 0.0
    assert Spend().tokens.cache_efficiency is None


@given(TOKENS, TOKENS)
def test_tokens_add_kind_by_kind(one, two):
    assert one + two == two + one
    assert (one + two).total_tokens == one.total_tokens + two.total_tokens
    assert one + Tokens() == one


@given(TOKENS)
def test_cache_efficiency_is_the_share_of_input_that_was_read_from_the_cache(tokens):
    share = tokens.cache_efficiency
    sent = tokens.input_tokens + tokens.cache_read_tokens
    assert (share is None) == (sent == 0)
    assert share is None or math.isclose(share * sent, tokens.cache_read_tokens, rel_tol=1e-9)
