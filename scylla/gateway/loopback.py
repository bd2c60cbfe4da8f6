"""A small HTTP server on 127.0.0.1 with a port of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from aiohttp import web

from scylla.gateway.provider_error import error_response

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_REQUEST_BYTES = 256 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024


@asynccontextmanager
async def serve(handler: Handler, *, grace_s: float) -> AsyncIterator[str]:
    """The base URL of a server that gives every request to the handler.

    A handler is cancelled when its client goes away. On leaving, no request is taken any more; handlers at work may
    take `grace_s` to end, are then cancelled, and have all ended when this returns.
    """
    desk = _Desk(handler)
    application = web.Application(client_max_size=MAX_REQUEST_BYTES)
    application.router.add_route("*", "/{path:.*}", desk.handle)
    runner = web.AppRunner(
        application,
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=0.1,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    with anyio.CancelScope(shield=True):
        await site.start()  # cut off half-way it would leave an open socket behind
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        with anyio.CancelScope(shield=True):
            await site.stop()
            await desk.close(grace_s)
            await runner.cleanup()


class _Desk:
    """Counts the handlers at work."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._at_work: set[asyncio.Task[object]] = set()
        self._is_closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        if self._is_closed or task is None:
            return error_response(503, "api_error", "this server is closing")
        self._at_work.add(task)
        self._idle.clear()
        try:
            return await self._handler(request)
        except web.RequestPayloadError:
            return error_response(400, "invalid_request_error", "the body is not what its headers say")
        except web.HTTPRequestEntityTooLarge:
            return error_response(413, "request_too_large", f"a request may have {MAX_REQUEST_BYTES} bytes")
        finally:
            self._at_work.discard(task)
            if not self._at_work:
                self._idle.set()

    async def close(self, grace_s: float) -> None:
        self._is_closed = True
        with anyio.move_on_after(grace_s):
            await self._idle.wait()
        for task in self._at_work:
            task.cancel()
        await self._idle.wait()


def hang_up(request: web.Request) -> None:
    """Close the connection so that its client sees a cut, never an orderly end."""
    if request.transport is not None:
        request.transport.close()
