"""Pass one request up and its answer down, chunk by chunk, and note what passes."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from scylla.domain.usage import Tokens
from scylla.gateway.exchange import Exchange, is_message
from scylla.gateway.loopback import hang_up
from scylla.gateway.metering import Reading, StreamMeter, read_document
from scylla.gateway.prices import PriceTable
from scylla.gateway.provider_error import error_body
from scylla.gateway.upstream import headers_down

Clock = Callable[[], datetime]
"""The time of day, aware of its zone."""

CLIENT_GONE = "client_gone"
"""The error type of an exchange that ended because its client did."""

_INTERRUPTED = (CLIENT_GONE, "the client went away before the answer was complete")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outbound:
    """A request as it goes up."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes
    proxy: str | None


@dataclass(kw_only=True, slots=True)
class Answer:
    """What has come back so far. `cut` names what ended it early, as (type, message)."""

    clock: Clock
    started_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    status: int | None = None
    first_byte_s: float | None = None
    chunks: list[bytes] = field(default_factory=list)
    stream: StreamMeter | None = None
    cut: tuple[str, str] | None = None
    retry_after_s: float | None = None
    request_id: str | None = None

    @property
    def body(self) -> bytes:
        """All bytes so far."""
        return b"".join(self.chunks)

    def begin(self, upstream: aiohttp.ClientResponse) -> None:
        """The provider's head is here."""
        self.status = upstream.status
        self.first_byte_s = self.elapsed_s()
        self.retry_after_s = retry_after_s(upstream.headers.get("retry-after", ""), self.clock())
        self.request_id = upstream.headers.get("request-id") or upstream.headers.get("x-request-id")
        if upstream.content_type == "text/event-stream":
            self.stream = StreamMeter()

    def take(self, chunk: bytes) -> None:
        """More of the provider's body is here."""
        self.chunks.append(chunk)
        if self.stream is not None:
            self.stream.feed(chunk)

    def elapsed_s(self) -> float:
        """Seconds since the request went up."""
        return asyncio.get_running_loop().time() - self.started_s

    def reading(self) -> Reading:
        """What the body says of itself."""
        reading = self.stream.reading() if self.stream is not None else read_document(self.body)
        if self.cut is None:
            return reading
        kind, message = self.cut
        return replace(
            reading,
            complete=False,
            error_type=reading.error_type or kind,
            error_message=reading.error_message or message,
        )


async def relay(
    client: aiohttp.ClientSession, outbound: Outbound, request: web.Request, answer: Answer
) -> web.StreamResponse:
    """Answer `request` with what the provider says; `answer` knows as much even when this is cancelled."""
    try:
        upstream = await client.request(
            outbound.method,
            outbound.url,
            headers=outbound.headers,
            data=io.BytesIO(outbound.body) if outbound.body else None,
            allow_redirects=False,
            proxy=outbound.proxy,
        )
    except (aiohttp.ClientError, OSError) as error:
        return _bad_gateway(answer, error)
    except asyncio.CancelledError:
        answer.cut = _INTERRUPTED
        raise
    async with upstream:
        answer.begin(upstream)
        response = web.StreamResponse(
            status=upstream.status, reason=upstream.reason, headers=headers_down(upstream.headers)
        )
        try:
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                answer.take(chunk)
                await response.write(chunk)
            await response.write_eof()
        except ConnectionResetError:
            answer.cut = _INTERRUPTED
        except (aiohttp.ClientError, OSError) as error:
            answer.cut = ("connection_cut", _describe(error))
            hang_up(request)
        except asyncio.CancelledError:
            answer.cut = _INTERRUPTED
            raise
        return response


def settle(opened: Exchange, answer: Answer, prices: PriceTable) -> Exchange:
    """The exchange as it is recorded once nothing more will come."""
    reading = answer.reading()
    ended = replace(
        opened,
        status=answer.status,
        first_byte_s=answer.first_byte_s,
        duration_s=answer.elapsed_s(),
        response_bytes=sum(map(len, answer.chunks)),
        complete=reading.complete or (answer.cut is None and not is_message(opened.method, opened.path)),
        error_type=reading.error_type,
        error_message=reading.error_message,
        retry_after_s=answer.retry_after_s,
        request_id=answer.request_id,
    )
    if not ended.is_metered:
        return replace(ended, tokens=Tokens(), cost_usd=0.0, estimated=False)
    # An error in place of an answer, told by the provider itself: nothing was generated.
    refused = reading.error_type is not None and reading.tokens is None and answer.cut is None
    return _meter(replace(ended, model=reading.model or opened.model), reading, prices, refused=refused)


def cost_usd(exchange: Exchange, prices: PriceTable) -> float | None:
    """What its tokens and searches cost on its day."""
    day = datetime.fromisoformat(exchange.started_at).date()
    return prices.cost_usd(exchange.model or "", exchange.tokens, exchange.web_searches, on=day)


def retry_after_s(value: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, given as seconds or as a date; None when it says neither."""
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _meter(ended: Exchange, reading: Reading, prices: PriceTable, *, refused: bool) -> Exchange:
    """With its tokens and cost. Where none were reported the estimate made when it was opened stands."""
    tokens = reading.tokens or (Tokens() if refused else ended.tokens)
    metered = replace(
        ended, tokens=tokens, web_searches=reading.web_searches, estimated=not (reading.is_final or refused)
    )
    return replace(metered, cost_usd=cost_usd(metered, prices))


def _bad_gateway(answer: Answer, error: Exception) -> web.Response:
    """The answer, and its record, when the provider could not be reached."""
    body = error_body("api_error", f"the provider cannot be reached: {_describe(error)}")
    answer.status = 502
    answer.first_byte_s = answer.elapsed_s()
    answer.chunks.append(body)
    return web.Response(status=502, body=body, content_type="application/json")


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
