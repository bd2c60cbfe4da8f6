"""Tokens out of answers cut anywhere, and money out of tokens."""

from datetime import date

import pytest
from gateway_bench import MODEL, WHOLE
from hypothesis import given
from hypothesis import strategies as st

from scylla.domain.usage import Tokens
from scylla.gateway.metering import StreamMeter, parse_object, read_document
from scylla.gateway.prices import PriceTable

PRICES = PriceTable.load()
tokens = st.builds(
    Tokens,
    input_tokens=st.integers(0, 10**7),
    output_tokens=st.integers(0, 10**7),
    cache_creation_tokens=st.integers(10**6, 10**7),
    cache_read_tokens=st.integers(0, 10**7),
    cache_creation_1h_tokens=st.integers(0, 10**6),
)


def read(*chunks):
    meter = StreamMeter()
    for chunk in chunks:
        meter.feed(chunk)
    return meter.reading()


@pytest.mark.parametrize("at", range(len(WHOLE)))
def test_split_at_any_byte_it_reads_the_same(at):
    assert read(WHOLE[:at], WHOLE[at:]) == read(WHOLE)


def test_byte_by_byte_and_with_carriage_returns():
    assert read(*(WHOLE[at : at + 1] for at in range(len(WHOLE)))) == read(WHOLE)
    assert read(WHOLE.replace(b"\n", b"\r\n")) == read(WHOLE)


@pytest.mark.parametrize("at", range(0, len(WHOLE), 7))
def test_cut_anywhere_it_is_never_more_than_the_whole(at):
    cut, whole = read(WHOLE[:at]), read(WHOLE)
    assert not (cut.complete and at < len(WHOLE) - 5)
    if cut.tokens is not None:
        assert cut.tokens.input_tokens == whole.tokens.input_tokens
        assert cut.tokens.output_tokens <= whole.tokens.output_tokens


def test_one_hour_cache_and_searches():
    usage = (
        b'{"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":10,"cache_read_input_tokens":0,'
        b'"cache_creation":{"ephemeral_1h_input_tokens":4},"server_tool_use":{"web_search_requests":3}}}'
    )
    reading = read_document(usage)
    assert reading.tokens.cache_creation_1h_tokens == 4
    assert reading.web_searches == 3


@pytest.mark.parametrize("body", [b"", b"no json", b"[1]", b"null", b'{"usage": 5}', b"\xff", b"[" * 100_000])
def test_bodies_that_say_nothing(body):
    assert read_document(body).tokens is None
    assert parse_object(body) in ({}, {"usage": 5})
    assert read(b"data: " + body + b"\n").tokens is None


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
