"""What a session's folder holds, whatever happened to the session."""

import asyncio
import gzip
import json
from dataclasses import replace

import pytest
from gateway_bench import MODEL, WHOLE, ask, provider, session_to, stream

from scylla.domain.usage import Tokens
from scylla.errors import StoreError
from scylla.gateway.exchange import Exchange
from scylla.gateway.recording import EXCHANGES_FILE, Recorder, _parse, pack, pack_now, read_exchanges

OPEN = Exchange(
    number=1,
    started_at="2026-11-24T12:00:00+00:00",
    method="POST",
    path="/v1/messages",
    model=MODEL,
    request_digest="0" * 64,
    request_bytes=400,
    tokens=Tokens(input_tokens=100),
    cost_usd=0.0003,
    estimated=True,
)
ENDED = replace(
    OPEN, status=200, tokens=Tokens(output_tokens=5), complete=True, estimated=False, error_message="ü\n\r "
)


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 20))


def write(folder, *exchanges):
    """Exchanges that were opened; those that are complete have ended as well."""

    async def main():
        with Recorder(folder) as recorder:
            for exchange in exchanges:
                await recorder.begin(replace(OPEN, number=recorder.next_number()), b"{}")
                if exchange.complete:
                    recorder.end(replace(exchange, number=recorder.exchanges[-1].number), pack_now(b"answer"))
            return recorder.exchanges

    return run(main())


def test_what_was_recorded_is_read_again(tmp_path):
    kept = write(tmp_path, ENDED, OPEN, ENDED)
    assert read_exchanges(tmp_path) == kept == (ENDED, replace(OPEN, number=2), replace(ENDED, number=3))
    lines = [json.loads(line) for line in (tmp_path / EXCHANGES_FILE).read_text().splitlines()]
    assert [(line["schema_version"], line["number"], line["state"]) for line in lines] == [
        (1, 1, "open"),
        (1, 1, "ended"),
        (1, 2, "open"),
        (1, 3, "open"),
        (1, 3, "ended"),
    ]


def test_cut_at_any_byte_it_holds_what_had_been_written(tmp_path):
    write(tmp_path, ENDED, ENDED)
    content = (tmp_path / EXCHANGES_FILE).read_bytes()
    ends = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")]
    states = [(), (OPEN,), (ENDED,), (ENDED, replace(OPEN, number=2)), (ENDED, replace(ENDED, number=2))]
    for at in range(len(content) + 1):
        found = {exchange.number: exchange for exchange in _parse(content[:at], tmp_path)}
        whole_lines = sum(end - 1 <= at for end in ends)  # without its line feed a line is whole as well
        assert tuple(found.values()) == states[whole_lines], at


def test_folder_opened_again_goes_on_after_a_torn_line(tmp_path):
    write(tmp_path, ENDED, ENDED)
    path = tmp_path / EXCHANGES_FILE
    path.write_bytes(path.read_bytes()[:-30])
    before = {item: item.read_bytes() for item in tmp_path.glob("*.gz")}
    assert [exchange.number for exchange in write(tmp_path, OPEN, ENDED)] == [3, 4]
    found = read_exchanges(tmp_path)
    assert [(exchange.number, exchange.complete) for exchange in found] == [
        (1, True),
        (2, False),
        (3, False),
        (4, True),
    ]
    assert {item: item.read_bytes() for item in before} == before, "nothing is overwritten"


def test_later_session_counts_only_its_own(tmp_path):
    async def answer(request):
        return await stream(request, WHOLE)

    async def scenario(url):
        async with session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                await response.read()
        return session

    async def main():
        async with provider(answer) as url:
            return [await scenario(url) for _ in range(3)]

    sessions = run(main())
    assert [[exchange.number for exchange in session.exchanges()] for session in sessions] == [[1], [2], [3]]
    assert [exchange.number for exchange in read_exchanges(tmp_path)] == [1, 2, 3]
    assert len(list(tmp_path.glob("*-request.json.gz"))) == len(list(tmp_path.glob("*-response.gz"))) == 3


def test_exchanges_are_in_the_order_of_their_numbers_however_long_packing_took(tmp_path):
    async def main():
        with Recorder(tmp_path) as recorder:
            large, small = replace(OPEN, number=recorder.next_number()), replace(OPEN, number=recorder.next_number())
            await asyncio.gather(recorder.begin(large, b"x" * 5_000_000), recorder.begin(small, b"{}"))
            return recorder.exchanges

    assert [exchange.number for exchange in run(main())] == [1, 2]
    lines = (tmp_path / EXCHANGES_FILE).read_bytes().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [2, 1], "else this shows nothing"


def test_request_that_was_cancelled_before_it_went_up_is_not_there(tmp_path):
    async def main():
        with Recorder(tmp_path) as recorder:
            number = recorder.next_number()
            task = asyncio.ensure_future(recorder.begin(replace(OPEN, number=number), b"x" * 5_000_000))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            return task.cancelled(), recorder.exchanges

    assert run(main()) == (True, ())
    assert read_exchanges(tmp_path) == ()


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 10**6])
def test_same_body_gives_the_same_packed_bytes(size):
    body = b"x" * size
    assert run(pack(body)) == pack_now(body)
    assert gzip.decompress(pack_now(body)) == body


def test_folder_of_another_version_is_refused(tmp_path):
    (tmp_path / EXCHANGES_FILE).write_text('{"schema_version": 2, "number": 1}\n')
    with pytest.raises(StoreError, match="schema version 2"):
        read_exchanges(tmp_path)


def test_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / EXCHANGES_FILE).mkdir()
    with pytest.raises(StoreError, match=EXCHANGES_FILE):
        read_exchanges(tmp_path)
