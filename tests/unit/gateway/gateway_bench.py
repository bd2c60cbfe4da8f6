"""Real servers on loopback, and requests through a gateway."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import datetime, timezone

import aiohttp
from aiohttp import web

from scylla.gateway.gateway import Gateway
from scylla.gateway.prices import PriceTable
from scylla.gateway.upstream import Credential, Upstream

AT = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
MODEL = "claude-sonnet-4-5"
USAGE = {"input_tokens": 100, "output_tokens": 1, "cache_creation_input_tokens": 50, "cache_read_input_tokens": 10}


def sse(*events) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


START = {"type": "message_start", "message": {"model": MODEL, "usage": USAGE}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 40}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}}
STOP = {"type": "message_stop"}
WHOLE = sse(START, TEXT, END, STOP)


@asynccontextmanager
async def provider(handler):
    """A provider that does what the handler says; yields its URL."""
    app = web.Application(client_max_size=2**28)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def session_to(url, folder, *, credential=Credential(kind="api_key", secret="sk-the-real-one")):  # noqa: B008
    """A gateway session in front of a URL, and a client."""
    async with Gateway(prices=PriceTable.load(), clock=lambda: AT) as gateway, aiohttp.ClientSession() as client:
        async with gateway.open_session(Upstream(base_url=url, credential=credential), folder) as session:
            yield session, client


def ask(session, client, body=None, *, path="/v1/messages?beta=true", **options):
    """A model request as the CLI makes it."""
    headers = {"x-api-key": session.placeholder, **options.pop("headers", {})}
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hi"}]} if body is None else body
    return client.post(session.base_url + path, json=body, headers=headers, **options)


async def stream(request, *pieces, pause_s=0.0):
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(pause_s)
    return response
