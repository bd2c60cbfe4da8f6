"""What a session passes on, counts and records, against real servers on loopback."""

import asyncio
import gzip
import io
import json
import subprocess
import sys

import aiohttp
import anyio
import pytest
from aiohttp import web
from gateway_bench import AT, END, MODEL, START, STOP, TEXT, USAGE, WHOLE, ask, provider, session_to, sse, stream

from scylla.domain.usage import Tokens
from scylla.gateway.exchange import spend_of
from scylla.gateway.gateway import Gateway
from scylla.gateway.prices import PriceTable
from scylla.gateway.recording import Recorder, read_exchanges
from scylla.gateway.relay import retry_after_s
from scylla.gateway.upstream import Credential, Upstream

WHOLE_TOKENS = Tokens(input_tokens=100, output_tokens=20, cache_creation_tokens=50, cache_read_tokens=10)
WHOLE_COST = (100 * 3 + 20 * 15 + 50 * 3.75 + 10 * 0.3) / 1e6


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 30))


def test_streamed_answer_is_passed_on_counted_and_recorded(tmp_path):
    async def answer(request):
        return await stream(request, WHOLE)

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                assert (response.status, await response.read()) == (200, WHOLE)
        return session

    session = run(scenario())
    (exchange,) = session.exchanges()
    assert (exchange.status, exchange.complete, exchange.estimated) == (200, True, False)
    assert (exchange.tokens, exchange.model, exchange.path) == (WHOLE_TOKENS, MODEL, "/v1/messages")
    assert session.spend().cost_usd == pytest.approx(WHOLE_COST)
    assert read_exchanges(tmp_path) == session.exchanges()
    request = json.loads(gzip.decompress((tmp_path / "exchange-0001-request.json.gz").read_bytes()))
    assert request["messages"][0]["content"] == "hi"
    assert gzip.decompress((tmp_path / "exchange-0001-response.gz").read_bytes()) == WHOLE


def test_document_answer_is_counted_too(tmp_path):
    async def answer(_):
        return web.json_response({"type": "message", "model": MODEL, "usage": {**USAGE, "output_tokens": 20}})

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                await response.read()
        return session

    assert run(scenario()).spend().tokens == WHOLE_TOKENS


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (Credential(kind="api_key", secret="sk-real"), {"x-api-key": "sk-real", "authorization": None}),
        (Credential(kind="oauth", secret="oat-real"), {"x-api-key": None, "authorization": "Bearer oat-real"}),
        (None, {"x-api-key": None, "authorization": None}),
    ],
)
@pytest.mark.parametrize("shown_as", ["x-api-key", "authorization"])
def test_placeholder_becomes_the_real_login_and_no_secret_is_recorded(tmp_path, credential, expected, shown_as):
    seen = []

    async def answer(request):
        seen.append({name.lower(): value for name, value in request.headers.items()})
        return await stream(request, WHOLE)

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path, credential=credential) as (session, client):
            shown = session.placeholder if shown_as == "x-api-key" else f"Bearer {session.placeholder}"
            headers = {shown_as: shown, "anthropic-beta": "one,two", "x-custom": "kept", "Connection": "keep-alive"}
            body = {"model": MODEL, "messages": [{}]}
            async with client.post(f"{session.base_url}/v1/messages", json=body, headers=headers) as response:
                await response.read()
            return session.placeholder

    placeholder = run(scenario())
    (headers,) = seen
    assert {name: headers.get(name) for name in expected} == expected
    assert headers["x-custom"] == "kept"
    betas = headers["anthropic-beta"].split(",")
    assert betas == ["one", "two"] + (["oauth-2025-04-20"] if credential and credential.kind == "oauth" else [])
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        for secret in (placeholder, "sk-real", "oat-real"):
            assert secret.encode() not in content, path


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}])
def test_strangers_are_refused_and_nothing_is_passed_on(tmp_path, headers):
    async def answer(_):
        raise AssertionError("must not be asked")

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            async with client.post(f"{session.base_url}/v1/messages", json={}, headers=headers) as response:
                assert response.status == 401
                assert (await response.json())["error"]["type"] == "authentication_error"
            async with client.head(session.base_url) as response:
                assert response.status == 200
        return session

    assert run(scenario()).exchanges() == ()


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
def test_failures_pass_through_with_their_reason_and_cost_nothing(tmp_path, status):
    async def answer(_):
        body = {"type": "error", "error": {"type": "some_error", "message": "why"}}
        return web.json_response(body, status=status, headers={"retry-after": "7", "request-id": "req_1"})

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                assert (response.status, response.headers["retry-after"]) == (status, "7")
        return session

    (exchange,) = run(scenario()).exchanges()
    assert (exchange.status, exchange.error_type, exchange.error_message) == (status, "some_error", "why")
    assert (exchange.retry_after_s, exchange.request_id, exchange.cost_usd) == (7.0, "req_1", 0.0)
    assert spend_of([exchange]).requests == 0


def test_error_inside_a_stream_is_seen(tmp_path):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "later"}}

    async def answer(request):
        return await stream(request, sse(START, TEXT), sse(error))

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                await response.read()
        return session

    (exchange,) = run(scenario()).exchanges()
    assert (exchange.error_type, exchange.complete, exchange.estimated) == ("overloaded_error", False, True)
    assert exchange.tokens.output_tokens == 10, "40 streamed characters"


def test_provider_that_hangs_up_in_the_middle(tmp_path):
    async def answer(request):
        await stream(request, sse(START, TEXT))
        request.transport.close()
        await asyncio.sleep(1)

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            with pytest.raises(aiohttp.ClientError):
                async with ask(session, client) as response:
                    await response.read()
        return session

    (exchange,) = run(scenario()).exchanges()
    assert (exchange.complete, exchange.estimated, exchange.error_type) == (False, True, "connection_cut")
    assert exchange.tokens.input_tokens == 100


def test_client_that_goes_away_ends_the_request_and_is_still_counted(tmp_path):
    cancelled = asyncio.Event()

    async def answer(request):
        try:
            return await stream(request, sse(START, TEXT), *[sse(TEXT)] * 300, pause_s=0.05)
        except (asyncio.CancelledError, ConnectionError):
            cancelled.set()
            raise

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                await response.content.readany()
                response.close()
            await asyncio.wait_for(cancelled.wait(), 5)
        return session

    (exchange,) = run(scenario()).exchanges()
    assert (exchange.complete, exchange.estimated, exchange.error_type) == (False, True, "client_gone")
    assert exchange.tokens.input_tokens == 100
    assert exchange.tokens.output_tokens >= 10
    assert exchange.cost_usd > 0


def test_leaving_the_session_records_what_is_still_at_work(tmp_path):
    async def answer(request):
        return await stream(request, sse(START), *[sse(TEXT)] * 1000, pause_s=0.05)

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            response = await ask(session, client)
            await response.content.readany()
        response.close()
        return session

    (exchange,) = run(scenario()).exchanges()
    assert not exchange.complete
    assert exchange.cost_usd > 0


def test_provider_that_cannot_be_reached(tmp_path):
    async def scenario():
        async with session_to("http://127.0.0.1:1", tmp_path) as (session, client):
            async with ask(session, client) as response:
                assert response.status == 502
                assert (await response.json())["error"]["type"] == "api_error"
        return session

    (exchange,) = run(scenario()).exchanges()
    assert (exchange.status, exchange.cost_usd) == (502, 0.0)
    assert "cannot be reached" in exchange.error_message


def test_counting_tokens_is_free_and_large_requests_pass(tmp_path):
    sizes = []

    async def answer(request):
        sizes.append(len(await request.read()))
        return web.json_response({"input_tokens": 5})

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            body = io.BytesIO(json.dumps({"model": MODEL, "messages": ["x" * 20_000_000]}).encode())
            headers = {"x-api-key": session.placeholder}
            async with client.post(
                f"{session.base_url}/v1/messages/count_tokens", data=body, headers=headers
            ) as response:
                assert await response.json() == {"input_tokens": 5}
        return session

    session = run(scenario())
    assert sizes[0] > 20_000_000
    assert (session.spend().requests, session.spend().cost_usd) == (0, 0.0)


def test_sessions_at_once_do_not_mix(tmp_path):
    async def answer(request):
        name = (await request.json())["messages"][0]
        text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": name}}
        return await stream(request, sse(START, text), sse(END, STOP), pause_s=0.01)

    async def one(url, folder, name):
        async with session_to(url, folder) as (session, client):
            for _ in range(5):
                async with ask(session, client, {"model": MODEL, "messages": [name]}) as response:
                    assert name in await response.text()
        return session

    async def scenario():
        async with provider(answer) as url:
            return await asyncio.gather(*(one(url, tmp_path / str(n), f"name-{n}") for n in range(6)))

    sessions = run(scenario())
    assert len({session.base_url for session in sessions}) == 6
    assert all(session.spend().requests == 5 for session in sessions)


def test_gateway_knows_what_all_its_sessions_have_used(tmp_path):
    async def answer(request):
        return await stream(request, WHOLE)

    async def scenario():
        async with provider(answer) as url, Gateway(prices=PriceTable.load(), clock=lambda: AT) as gateway:
            for number in range(3):
                upstream = Upstream(base_url=url, credential=None)
                async with gateway.open_session(upstream, tmp_path / str(number)) as session:
                    async with aiohttp.ClientSession() as client, ask(session, client) as response:
                        await response.read()
                    await asyncio.sleep(0.05)
                    assert gateway.spend.requests == number + 1, "sessions at work count too"
            return gateway.spend

    spend = run(scenario())
    assert (spend.requests, spend.cost_usd) == (3, pytest.approx(3 * WHOLE_COST))


def test_torn_line_and_later_session_in_the_same_folder(tmp_path):
    async def answer(request):
        return await stream(request, WHOLE)

    async def scenario():
        async with provider(answer) as url, session_to(url, tmp_path) as (session, client):
            async with ask(session, client) as response:
                await response.read()

    run(scenario())
    lines = (tmp_path / "exchanges.jsonl").read_bytes()
    (tmp_path / "exchanges.jsonl").write_bytes(lines[:-30])
    (torn,) = read_exchanges(tmp_path)
    assert (torn.complete, torn.estimated) == (False, True)
    run(scenario())
    assert [exchange.number for exchange in read_exchanges(tmp_path)] == [1, 2]


def test_killed_program_leaves_its_open_exchange_as_an_estimate(tmp_path):
    program = f"""
import asyncio, sys
sys.path.insert(0, {str(tmp_path.parent)!r})
from pathlib import Path
from scylla.gateway.exchange import Exchange
from scylla.gateway.gateway import Gateway
from scylla.gateway.prices import PriceTable
from scylla.gateway.upstream import Upstream
from datetime import datetime, timezone
from aiohttp import web
import aiohttp
async def main():
    async def hang(request):
        print("asked", flush=True)
        await asyncio.sleep(60)
    app = web.Application(); app.router.add_route("*", "/{{p:.*}}", hang)
    runner = web.AppRunner(app); await runner.setup(); await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{{runner.addresses[0][1]}}"
    async with Gateway(prices=PriceTable.load(), clock=lambda: datetime.now(timezone.utc)) as gateway:
        async with gateway.open_session(Upstream(base_url=url, credential=None), Path({str(tmp_path)!r})) as session:
            async with aiohttp.ClientSession() as client:
                await client.post(session.base_url + "/v1/messages", headers={{"x-api-key": session.placeholder}},
                                  json={{"model": {MODEL!r}, "messages": ["x" * 4000]}})
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "asked\n"
        process.kill()
    (exchange,) = read_exchanges(tmp_path)
    assert (exchange.status, exchange.complete, exchange.estimated) == (None, False, True)
    assert 900 < exchange.tokens.input_tokens < 1200
    assert spend_of([exchange]).cost_usd > 0
    assert spend_of([exchange]).estimated


def test_retry_after_as_seconds_date_or_nonsense():
    assert retry_after_s("12", AT) == 12.0
    assert retry_after_s("Tue, 24 Nov 2026 12:01:00 GMT", AT) == 60.0
    assert retry_after_s("Tue, 24 Nov 2026 11:00:00 GMT", AT) == 0.0
    assert retry_after_s("soon", AT) is None
    assert retry_after_s("", AT) is None
    assert retry_after_s("inf", AT) is None
    assert retry_after_s("nan", AT) is None


def test_folder_of_a_recorder_without_sessions_is_empty(tmp_path):
    with Recorder(tmp_path):
        pass
    assert read_exchanges(tmp_path) == ()
    assert read_exchanges(tmp_path / "nothing") == ()
    assert anyio.run(lambda: anyio.Path(tmp_path / "exchanges.jsonl").exists())
