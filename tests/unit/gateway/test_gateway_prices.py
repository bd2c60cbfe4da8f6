"""Money out of tokens."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from gateway_bench import MODEL
from hypothesis import given
from hypothesis import strategies as st

import scylla.gateway.prices
from scylla.domain.usage import Tokens
from scylla.gateway.exchange import Exchange, spend_of
from scylla.gateway.prices import PriceTable

FILE = Path(scylla.gateway.prices.__file__).with_name("prices.yaml")
PRICES = PriceTable.load()
tokens = st.builds(
    Tokens,
    input_tokens=st.integers(0, 10**7),
    output_tokens=st.integers(0, 10**7),
    cache_creation_tokens=st.integers(10**6, 10**7),
    cache_read_tokens=st.integers(0, 10**7),
    cache_creation_1h_tokens=st.integers(0, 10**6),
)


def test_list_prices():
    million = 10**6
    assert PRICES.cost_usd(MODEL, Tokens(input_tokens=million), 0) == 3.0
    assert PRICES.cost_usd(MODEL, Tokens(output_tokens=million), 0) == 15.0
    assert PRICES.cost_usd(MODEL, Tokens(cache_creation_tokens=million), 0) == 3.75
    write_1h = Tokens(cache_creation_tokens=million, cache_creation_1h_tokens=million)
    assert PRICES.cost_usd(MODEL, write_1h, 0) == 6.0
    assert PRICES.cost_usd(MODEL, Tokens(cache_read_tokens=million), 0) == pytest.approx(0.3)
    assert PRICES.cost_usd(MODEL, Tokens(), 100) == pytest.approx(1.0)


@pytest.mark.parametrize("name", [f"{MODEL}-20250929", f"{MODEL}[1m]", f"{MODEL}-20250929[1m]"])
def test_dates_and_context_marks_do_not_change_the_price(name):
    assert PRICES.knows(name)
    assert PRICES.cost_usd(name, Tokens(input_tokens=10), 0) == PRICES.cost_usd(MODEL, Tokens(input_tokens=10), 0)


@pytest.mark.parametrize("name", ["", "sonnet", "claude-sonnet-4-55", "gpt-9", "claude-sonnet-4-5-fast"])
def test_unknown_models_are_never_guessed(name):
    assert not PRICES.knows(name)
    assert PRICES.cost_usd(name, Tokens(input_tokens=10), 0) is None


def test_prices_have_their_day():
    table = PriceTable.parse(
        """
dated: 2026-06-01
web_search_usd_per_1000: 10
models:
  m:
    - {input: 2, output: 0, cache_write_5m: 0, cache_write_1h: 0, cache_read: 0}
    - {from: 2026-05-01, input: 1, output: 0, cache_write_5m: 0, cache_write_1h: 0, cache_read: 0}
"""
    )
    million = Tokens(input_tokens=10**6)
    assert table.cost_usd("m", million, 0, on=date(2026, 4, 30)) == 2.0
    assert table.cost_usd("m", million, 0, on=date(2026, 5, 1)) == 1.0
    assert table.cost_usd("m", million, 0) == 1.0


@given(left=tokens, right=tokens)
def test_costs_add_up(left, right):
    apart = PRICES.cost_usd(MODEL, left, 0) + PRICES.cost_usd(MODEL, right, 0)
    assert PRICES.cost_usd(MODEL, left + right, 0) == pytest.approx(apart)


@given(st.lists(st.tuples(st.sampled_from([MODEL, "claude-haiku-4-5"]), tokens, st.integers(0, 9)), max_size=12))
def test_spending_of_exchanges_adds_up(sent):
    exchanges = [
        Exchange(
            number=number,
            started_at="2026-11-24T12:00:00+00:00",
            method="POST",
            path="/v1/messages",
            model=model,
            request_digest="",
            request_bytes=0,
            status=200,
            tokens=used,
            web_searches=searches,
            cost_usd=PRICES.cost_usd(model, used, searches),
        )
        for number, (model, used, searches) in enumerate(sent, start=1)
    ]
    spend = spend_of(exchanges)
    assert (spend.requests, spend.tokens) == (len(sent), sum((used for _, used, _ in sent), Tokens()))
    assert spend.cost_usd == pytest.approx(sum(exchange.cost_usd for exchange in exchanges))
    for cut in range(len(exchanges) + 1):
        apart = spend_of(exchanges[:cut]) + spend_of(exchanges[cut:])
        assert (apart.requests, apart.tokens) == (spend.requests, spend.tokens)
        assert apart.cost_usd == pytest.approx(spend.cost_usd)


@pytest.mark.parametrize("entries", list(yaml.safe_load(FILE.read_text())["models"].items()), ids=lambda item: item[0])
def test_every_price_of_the_table_is_in_a_plausible_order(entries):
    for price in entries[1]:
        assert 0 < price["cache_read"] < price["input"] < price["cache_write_5m"] < price["cache_write_1h"]
        assert price["input"] < price["output"]
