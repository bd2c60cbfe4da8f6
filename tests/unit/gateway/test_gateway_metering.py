"""Tokens out of answers cut anywhere."""

import pytest
from gateway_bench import END, START, TEXT, WHOLE, sse
from hypothesis import given
from hypothesis import strategies as st

from scylla.gateway.metering import StreamMeter, parse_object, read_document


def read(*chunks):
    meter = StreamMeter()
    for chunk in chunks:
        meter.feed(chunk)
    return meter.reading()


def test_split_at_any_byte_it_reads_the_same():
    whole = read(WHOLE)
    assert (whole.complete, whole.is_final, whole.tokens.output_tokens) == (True, True, 20)
    for at in range(len(WHOLE)):
        assert read(WHOLE[:at], WHOLE[at:]) == whole, at


def test_byte_by_byte_and_with_carriage_returns():
    assert read(*(WHOLE[at : at + 1] for at in range(len(WHOLE)))) == read(WHOLE)
    assert read(WHOLE.replace(b"\n", b"\r\n")) == read(WHOLE)


def test_cut_anywhere_it_says_what_had_come_and_never_that_it_is_complete():
    blank_line = 1  # closes an event, but says nothing of its own
    start, text, end = (len(sse(*events)) - blank_line for events in ([START], [START, TEXT], [START, TEXT, END]))
    for at in range(len(WHOLE) - blank_line):
        cut = read(WHOLE[:at])
        assert not cut.complete, at
        assert cut.is_final == (at >= end), at
        if at < start:
            assert cut.tokens is None, at
        else:
            output_tokens = 20 if cut.is_final else 10 if at >= text else 1
            assert (cut.tokens.input_tokens, cut.tokens.output_tokens) == (100, output_tokens), at


@pytest.mark.parametrize("field", ["text", "partial_json", "thinking"])
def test_every_kind_of_streamed_text_counts_for_the_estimate(field):
    delta = {"type": "content_block_delta", "delta": {"type": "x_delta", field: "é" * 41}}
    assert read(sse(START, delta)).tokens.output_tokens == 11, "41 characters / 4, rounded up"


def test_what_was_reported_stands_when_it_is_more_than_the_estimate():
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 500}}}
    assert read(sse(start, TEXT)).tokens.output_tokens == 500


def test_a_later_report_of_zero_takes_nothing_back():
    end = {"type": "message_delta", "usage": {"input_tokens": 0, "cache_read_input_tokens": None, "output_tokens": 7}}
    counted = read(sse(START, end)).tokens
    assert (counted.input_tokens, counted.cache_read_tokens, counted.output_tokens) == (100, 10, 7)


def test_events_of_other_kinds_and_comments_are_passed_over():
    noise = b': keep-alive\n\nevent: ping\ndata: {"type": "ping"}\n\ndata: [1]\n\ndata:\n\nid: 3\n\n'
    assert read(noise + WHOLE + noise) == read(WHOLE)


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_no_bytes_stop_it(chunks):
    assert read(*chunks) == read(b"".join(chunks))


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
