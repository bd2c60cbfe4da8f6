"""The local server between every CLI and its model: it passes on, records and meters."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import aiohttp
from aiohttp import web
from yarl import URL

from scylla.domain.usage import Spend, Tokens
from scylla.gateway.exchange import CHARACTERS_PER_TOKEN, Exchange, is_message, spend_of
from scylla.gateway.loopback import serve
from scylla.gateway.metering import as_text, parse_object
from scylla.gateway.prices import PriceTable
from scylla.gateway.provider_error import error_response
from scylla.gateway.recording import Recorder, pack_now
from scylla.gateway.relay import Answer, Clock, Outbound, cost_usd, relay, settle
from scylla.gateway.upstream import Upstream, carries, headers_up

_GRACE_S = 2.0
_CONNECT_TIMEOUT_S = 30.0


class Gateway:
    """Opens sessions; one client for all of them. Use as an async context manager."""

    def __init__(self, *, prices: PriceTable, clock: Clock) -> None:
        self._prices = prices
        self._clock = clock
        self._client: aiohttp.ClientSession | None = None
        self._open: list[Session] = []
        self._closed = Spend()

    @property
    def spend(self) -> Spend:
        """What all sessions so far have used, those at work included."""
        return sum((session.spend() for session in self._open), self._closed)

    async def __aenter__(self) -> Gateway:
        self._client = aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    @asynccontextmanager
    async def open_session(self, upstream: Upstream, folder: Path) -> AsyncIterator[Session]:
        """A session with an address of its own, recording into `folder`.

        When this ends no request of it is at work any more and every exchange is recorded.
        """
        assert self._client is not None, "the gateway is not open"
        with Recorder(folder) as recorder:
            desk = _SessionDesk(
                client=self._client,
                upstream=upstream,
                recorder=recorder,
                placeholder=f"sk-ant-{secrets.token_urlsafe(24)}",
                prices=self._prices,
                clock=self._clock,
            )
            try:
                async with serve(desk.handle, grace_s=_GRACE_S) as base_url:
                    session = Session(base_url=base_url, placeholder=desk.placeholder, _recorder=recorder)
                    self._open.append(session)
                    yield session
            finally:
                self._open = [other for other in self._open if other.placeholder != desk.placeholder]
                self._closed += spend_of(recorder.exchanges)


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One CLI's way to its model. The CLI gets `placeholder` for a login; only here does it become the real one."""

    base_url: str
    placeholder: str
    _recorder: Recorder

    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges so far, open ones included; complete once the session has ended."""
        return self._recorder.exchanges

    def spend(self) -> Spend:
        """What they used."""
        return spend_of(self.exchanges())


@dataclass(frozen=True, kw_only=True, slots=True)
class _SessionDesk:
    """Handles the requests of one session."""

    client: aiohttp.ClientSession
    upstream: Upstream
    recorder: Recorder
    placeholder: str
    prices: PriceTable
    clock: Clock

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on, with the real login in place of the placeholder."""
        if request.path == "/" and request.method in ("GET", "HEAD"):
            return web.Response()
        if not request.raw_path.startswith("/"):
            return error_response(400, "invalid_request_error", "only paths of this address are served")
        if not carries(request.headers, self.placeholder):
            return error_response(401, "authentication_error", "this address belongs to another session")
        body = await request.read()
        opened = self._open(request, body)
        outbound = Outbound(
            method=request.method,
            url=URL(self.upstream.base_url.rstrip("/") + request.raw_path, encoded=True),
            headers=headers_up(request.headers, self.upstream.credential),
            body=body,
            proxy=self.upstream.proxy,
        )
        await self.recorder.begin(opened, body)
        answer = Answer(clock=self.clock)
        try:
            return await relay(self.client, outbound, request, answer)
        finally:
            # Runs when this handler is cancelled as well: an exchange that was paid is always recorded.
            self.recorder.end(settle(opened, answer, self.prices), pack_now(answer.body))

    def _open(self, request: web.Request, body: bytes) -> Exchange:
        opened = Exchange(
            number=self.recorder.next_number(),
            started_at=self.clock().isoformat(),
            method=request.method,
            path=request.path,
            model=as_text(parse_object(body).get("model")),
            request_digest=hashlib.sha256(body).hexdigest(),
            request_bytes=len(body),
        )
        if not is_message(opened.method, opened.path):
            return opened
        guess = Tokens(input_tokens=len(body) // CHARACTERS_PER_TOKEN)
        opened = replace(opened, tokens=guess, estimated=True)
        return replace(opened, cost_usd=cost_usd(opened, self.prices))
