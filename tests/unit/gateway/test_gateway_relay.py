"""How a session passes bytes in both directions, and what it makes of ends that are not orderly."""

import asyncio
import gzip
import io
import json
import socket
import struct
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from gateway_bench import AT, END, MODEL, START, STOP, TEXT, USAGE, WHOLE, ask, provider, session_to, sse, stream

from scylla.gateway.exchange import spend_of
from scylla.gateway.prices import PriceTable
from scylla.gateway.relay import retry_after_s
from scylla.gateway.upstream import Credential

HTTP_DATE_A_MINUTE_LATER = "Tue, 24 Nov 2026 12:01:00 GMT"


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 20))


def through(folder, answer, work=None, **options):
    """The exchanges, and what `work` gave, of a session in front of a provider that answers with `answer`."""

    async def scenario():
        async with provider(answer) as url, session_to(url, folder, **options) as (session, client):
            result = await (work or read_whole)(session, client)
        return session.exchanges(), result

    return run(scenario())


async def read_whole(session, client):
    async with ask(session, client) as response:
        return response.status, response.headers.copy(), await response.read()


@asynccontextmanager
async def raw_provider(handler):
    """A provider without any manners: the handler gets the bare connection once the request's head is here."""

    async def connected(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def reset(writer):
    """Let the end of the connection be a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def raw_request(session, head: bytes, body: bytes = b"") -> bytes:
    """The whole answer to bytes that no HTTP library would send."""
    host, port = session.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    length = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
    writer.write(head + length + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_second_piece_is_sent_only_after_the_first_has_arrived(tmp_path):
    async def scenario():
        first_is_here = asyncio.Event()

        async def answer(request):
            response = await stream(request, sse(START, TEXT))
            await first_is_here.wait()
            await response.write(sse(END, STOP))
            return response

        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                assert await response.content.readany() == sse(START, TEXT)
                first_is_here.set()
                assert await response.read() == sse(END, STOP)

    run(scenario())


def test_headers_of_one_hop_end_at_the_gateway(tmp_path):
    seen = []

    async def answer(request):
        seen.append(request.headers.copy())
        headers = {"Connection": "x-only-here", "X-Only-Here": "1", "Keep-Alive": "timeout=5", "X-Kept": "2"}
        return web.Response(body=b"{}", headers=headers, content_type="application/json")

    async def work(session, client):
        headers = {
            "Connection": "keep-alive, x-mine",
            "X-Mine": "1",
            "Keep-Alive": "5",
            "TE": "trailers",
            "Proxy-Authorization": "Basic eA==",
            "Accept-Encoding": "gzip, br",
            "X-Kept": "3",
        }
        async with ask(session, client, headers=headers) as response:
            return response.headers.copy()

    _, down = through(tmp_path, answer, work)
    (up,) = seen
    assert (up["X-Kept"], down["X-Kept"]) == ("3", "2")
    for name in ("X-Mine", "Keep-Alive", "TE", "Proxy-Authorization"):
        assert name not in up
    assert up["Accept-Encoding"] == "identity"
    assert "127.0.0.1" in up["Host"]
    for name in ("X-Only-Here", "Keep-Alive"):
        assert name not in down


def test_beta_of_a_login_is_added_once_and_no_other_is_lost(tmp_path):
    seen = []

    async def answer(request):
        seen.append(request.headers.getall("anthropic-beta", []))
        return web.json_response({})

    async def work(session, client):
        for betas in ([], ["one", "oauth-2025-04-20, two"], ["three"]):
            headers = [("x-api-key", session.placeholder), *(("anthropic-beta", beta) for beta in betas)]
            async with client.post(f"{session.base_url}/v1/messages", json={}, headers=headers):
                pass

    through(tmp_path, answer, work, credential=Credential(kind="oauth", secret="oat-real"))
    joined = [",".join(values).replace(" ", "").split(",") for values in seen]
    assert joined == [["oauth-2025-04-20"], ["one", "oauth-2025-04-20", "two"], ["three", "oauth-2025-04-20"]]


def test_query_and_escapes_go_up_as_they_came(tmp_path):
    seen = []

    async def answer(request):
        seen.append(request.raw_path)
        return web.json_response({})

    async def work(session, client):
        head = f"GET /v1/files/a%2Fb%20c?x=%7B1%7D&y HTTP/1.1\r\nhost: x\r\nx-api-key: {session.placeholder}\r\n"
        return await raw_request(session, head.encode())

    ((exchange,), answered) = through(tmp_path, answer, work)
    assert answered.startswith(b"HTTP/1.1 200")
    assert seen == ["/v1/files/a%2Fb%20c?x=%7B1%7D&y"]
    assert (exchange.path, exchange.method) == ("/v1/files/a/b c", "GET")


def test_compressed_request_goes_up_as_what_it_says(tmp_path):
    seen = []

    async def answer(request):
        seen.append((await request.read(), request.headers.get("content-encoding")))
        return await stream(request, WHOLE)

    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "é" * 500}]}).encode()

    async def work(session, client):
        headers = {"x-api-key": session.placeholder, "content-encoding": "gzip", "content-type": "application/json"}
        async with client.post(
            f"{session.base_url}/v1/messages", data=gzip.compress(body), headers=headers
        ) as response:
            assert await response.read() == WHOLE

    ((exchange,), _) = through(tmp_path, answer, work)
    assert seen == [(body, None)]
    assert (exchange.request_bytes, exchange.model) == (len(body), MODEL)
    assert gzip.decompress((tmp_path / "exchange-0001-request.json.gz").read_bytes()) == body


def test_body_that_cannot_be_unpacked_is_the_client_s_error(tmp_path):
    async def answer(_):
        raise AssertionError("must not be asked")

    async def work(session, client):
        headers = {"x-api-key": session.placeholder, "content-encoding": "gzip"}
        async with client.post(f"{session.base_url}/v1/messages", data=b"not packed", headers=headers) as response:
            return response.status

    exchanges, status = through(tmp_path, answer, work)
    assert status == 400
    assert exchanges == ()


def test_twenty_megabytes_up_and_down_are_counted_whole(tmp_path):
    megabyte = "x" * 2**20
    body = {"model": MODEL, "messages": [megabyte] * 20}
    piece = sse({"type": "content_block_delta", "delta": {"type": "text_delta", "text": megabyte}})

    async def answer(request):
        assert await request.json() == body
        return await stream(request, sse(START), *[piece] * 20, sse(END, STOP))

    async def work(session, client):
        data = io.BytesIO(json.dumps(body).encode())
        headers = {"x-api-key": session.placeholder}
        async with client.post(f"{session.base_url}/v1/messages", data=data, headers=headers) as response:
            return len(await response.read())

    ((exchange,), received) = through(tmp_path, answer, work)
    assert received == exchange.response_bytes > 20 * 2**20
    assert exchange.request_bytes > 20 * 2**20
    assert (exchange.complete, exchange.tokens.output_tokens) == (True, 20)


@pytest.mark.parametrize("rough", [False, True], ids=["closed", "reset"])
def test_provider_that_drops_the_connection_before_it_answers(tmp_path, rough):
    async def drop(reader, writer):
        if rough:
            reset(writer)

    async def scenario():
        async with raw_provider(drop) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                document = await response.json()
        return response.status, document, session.exchanges()

    status, document, (exchange,) = run(scenario())
    assert (status, document["type"], document["error"]["type"]) == (502, "error", "api_error")
    assert (exchange.status, exchange.error_type, exchange.tokens.total_tokens) == (502, "api_error", 0)
    assert exchange.error_message == document["error"]["message"]


@pytest.mark.parametrize("rough", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("length", [b"transfer-encoding: chunked", b"content-length: 100000"])
def test_provider_that_drops_the_connection_in_the_middle(tmp_path, rough, length):
    piece = sse(START, TEXT)
    framed = b"%x\r\n%s\r\n" % (len(piece), piece) if length.startswith(b"transfer") else piece

    async def scenario():
        seen = asyncio.Event()

        async def drop(reader, writer):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + length + b"\r\n\r\n" + framed)
            await writer.drain()
            await seen.wait()
            if rough:
                reset(writer)

        async with raw_provider(drop) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                assert await response.content.readany() == piece
                seen.set()
                with pytest.raises(aiohttp.ClientError):
                    await response.read()
        return session.exchanges()

    (exchange,) = run(scenario())
    assert (exchange.status, exchange.error_type, exchange.complete) == (200, "connection_cut", False)
    assert (exchange.estimated, exchange.tokens.input_tokens, exchange.tokens.output_tokens) == (True, 100, 10)


def test_client_that_goes_away_before_the_answer_may_have_been_paid(tmp_path):
    async def scenario():
        asked, released = asyncio.Event(), asyncio.Event()

        async def answer(_):
            asked.set()
            try:
                await asyncio.sleep(15)
            finally:
                released.set()

        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            request = asyncio.ensure_future(read_whole(session, client))
            await asked.wait()
            request.cancel()
            await asyncio.wait_for(released.wait(), 5)
        return session.exchanges()

    (exchange,) = run(scenario())
    assert (exchange.status, exchange.error_type, exchange.estimated) == (None, "client_gone", True)
    assert exchange.tokens.input_tokens == exchange.request_bytes // 4
    assert spend_of([exchange]).requests == 1


@pytest.mark.parametrize(("value", "wait_s"), [("17", 17.0), (HTTP_DATE_A_MINUTE_LATER, 60.0), ("soon", None)])
def test_wait_the_provider_asks_for_is_passed_on_and_understood(tmp_path, value, wait_s):
    async def answer(_):
        error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
        return web.json_response(error, status=429, headers={"retry-after": value})

    ((exchange,), (status, headers, _)) = through(tmp_path, answer)
    assert (status, headers["retry-after"]) == (429, value)
    assert (exchange.retry_after_s, exchange.error_type) == (wait_s, "rate_limit_error")
    assert spend_of([exchange]).requests == 0


@pytest.mark.parametrize(
    "value", ["Tue, 24 Nov 99999 12:01:00 GMT", "Tue, 24 Nov 2026 12:01:00 +9999999999999", "1" * 999]
)
def test_waits_that_make_no_sense_are_none(value):
    assert retry_after_s(value, AT) is None


def test_error_in_place_of_a_stream_costs_nothing_and_is_no_estimate(tmp_path):
    async def answer(request):
        return await stream(request, sse({"type": "error", "error": {"type": "overloaded_error", "message": "later"}}))

    ((exchange,), _) = through(tmp_path, answer)
    assert (exchange.status, exchange.error_type, exchange.estimated) == (200, "overloaded_error", False)
    assert (exchange.tokens.total_tokens, exchange.cost_usd) == (0, 0.0)


@pytest.mark.parametrize("body", [b'{"usage": {"input_tok', b"<html>"])
def test_answer_that_is_no_document_is_an_estimate(tmp_path, body):
    async def answer(_):
        return web.Response(body=body, content_type="application/json")

    ((exchange,), _) = through(tmp_path, answer)
    assert (exchange.complete, exchange.estimated) == (False, True)
    assert exchange.tokens.input_tokens == exchange.request_bytes // 4


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/messages/count_tokens"), ("HEAD", "/v1/models"), ("GET", "/v1/models")]
)
def test_what_is_no_message_is_free_whatever_it_answers(tmp_path, method, path):
    async def answer(_):
        return web.json_response({"model": MODEL, "usage": {**USAGE, "output_tokens": 20}})

    async def work(session, client):
        headers = {"x-api-key": session.placeholder}
        async with client.request(method, session.base_url + path, headers=headers, data=b"{}") as response:
            return response.status, len(await response.read()) > 0

    ((exchange,), (status, has_body)) = through(tmp_path, answer, work)
    assert (status, has_body) == (200, method != "HEAD")
    assert (exchange.complete, exchange.estimated, exchange.cost_usd) == (True, False, 0.0)
    assert spend_of([exchange]).requests == 0


def test_searches_and_long_lived_cache_are_paid(tmp_path):
    usage = {
        "input_tokens": 0,
        "output_tokens": 20,
        "cache_creation_input_tokens": 3000,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
        "server_tool_use": {"web_search_requests": 3},
    }

    async def answer(request):
        start = {"type": "message_start", "message": {"model": MODEL, "usage": {**usage, "output_tokens": 1}}}
        return await stream(request, sse(start, TEXT, {**END, "usage": usage}, STOP))

    ((exchange,), _) = through(tmp_path, answer)
    assert (exchange.web_searches, exchange.tokens.cache_creation_1h_tokens) == (3, 2000)
    assert exchange.cost_usd == pytest.approx((20 * 15 + 1000 * 3.75 + 2000 * 6) / 1e6 + 3 * 10 / 1000)


def test_model_that_answered_is_the_one_that_is_paid(tmp_path):
    async def answer(request):
        return await stream(request, WHOLE)

    async def work(session, client):
        async with ask(session, client, {"model": "an-alias", "messages": [{}]}) as response:
            await response.read()

    ((exchange,), _) = through(tmp_path, answer, work)
    assert exchange.model == MODEL
    assert exchange.cost_usd == PriceTable.load().cost_usd(MODEL, exchange.tokens, 0)


def test_model_without_a_price_has_no_cost_but_its_tokens(tmp_path):
    start = {"type": "message_start", "message": {"model": "nobody-knows", "usage": USAGE}}

    async def answer(request):
        return await stream(request, sse(start, TEXT, END, STOP))

    ((exchange,), _) = through(tmp_path, answer)
    assert (exchange.model, exchange.cost_usd, exchange.tokens.output_tokens) == ("nobody-knows", None, 20)
    assert spend_of([exchange]).cost_usd is None


def test_half_a_character_in_a_name_or_a_message_stops_no_record(tmp_path):
    async def answer(_):
        error = {"type": "error", "error": {"type": "api_error", "message": "cut \ud83d"}}
        return web.json_response(error, status=500)

    async def work(session, client):
        async with ask(session, client, {"model": "m\ud83d", "messages": [{}]}) as response:
            return response.status

    ((exchange,), status) = through(tmp_path, answer, work)
    assert status == 500
    assert exchange.duration_s is not None
    assert exchange.error_message.startswith("cut ")
    assert exchange.error_message.encode()
    assert exchange.model.encode()


@pytest.mark.parametrize("shown", [b"x-api-key: \xff\xfe", b"authorization: Bearer \xff", b"authorization: Basic eA=="])
def test_keys_that_are_no_text_are_refused_like_any_other(tmp_path, shown):
    async def answer(_):
        raise AssertionError("must not be asked")

    async def work(session, client):
        return await raw_request(session, b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n" + shown + b"\r\n", b"{}")

    exchanges, answered = through(tmp_path, answer, work)
    assert answered.startswith(b"HTTP/1.1 401"), answered
    assert b"authentication_error" in answered
    assert exchanges == ()


def test_key_of_one_session_opens_no_other(tmp_path):
    async def answer(_):
        raise AssertionError("must not be asked")

    async def scenario():
        async with provider(answer) as url:
            async with session_to(url, tmp_path / "a") as (one, client), session_to(url, tmp_path / "b") as (other, _):
                headers = {"x-api-key": one.placeholder}
                async with client.post(f"{other.base_url}/v1/messages", json={}, headers=headers) as response:
                    return response.status, one.exchanges() + other.exchanges()

    assert run(scenario()) == (401, ())


def test_secret_is_in_no_repr():
    assert "sk-real" not in repr(Credential(kind="api_key", secret="sk-real"))
