"""The offline model: a local server that speaks the provider's Messages API and plays scenarios."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import web

from scylla.domain.scenario import Failure, Role, Scenario, Script, Turn
from scylla.gateway.loopback import hang_up, serve
from scylla.gateway.messages_api import content_blocks, estimate, events, message, usage_of
from scylla.gateway.metering import parse_object
from scylla.gateway.provider_error import error_response

_LIMIT = "1000000"


class OfflineModel:
    """Use as an async context manager; `open` then gives addresses."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._address = ""
        self._stages: dict[str, _Stage] = {}

    async def __aenter__(self) -> OfflineModel:
        self._address = await self._stack.enter_async_context(serve(self._handle, grace_s=0.0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def open(self, scenario: Scenario, role: Role) -> str:
        """The base URL at which one part of a scenario is played, with counters of its own for failures."""
        number = str(len(self._stages) + 1)
        self._stages[number] = _Stage(scripts=scenario.scripts(role))
        return f"{self._address}/{number}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        number, _, path = request.path.lstrip("/").partition("/")
        stage = self._stages.get(number)
        if stage is None:
            return _refuse(404, "not_found_error", "nothing is played at this address")
        if request.method in ("GET", "HEAD") and not path:
            return web.Response()
        if request.method != "POST" or path not in ("v1/messages", "v1/messages/count_tokens"):
            return _refuse(404, "not_found_error", f"the offline model has no {request.method} /{path}")
        asked = parse_object(await request.read())
        if not isinstance(asked.get("messages"), list) or not asked["messages"]:
            return _refuse(400, "invalid_request_error", "messages: at least one message is required")
        if path.endswith("count_tokens"):
            size = estimate([asked.get("system"), asked.get("tools"), asked["messages"]])
            return web.json_response({"input_tokens": size}, headers=_headers(0))
        return await stage.answer(request, asked)


@dataclass(kw_only=True)
class _Stage:
    """One scenario part at one address."""

    scripts: tuple[Script, ...]
    failures: Counter[tuple[int, int]] = field(default_factory=Counter)
    requests: int = 0

    async def answer(self, request: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse:
        self.requests += 1
        script_number, script = self._script(asked)
        if script is None:
            return _refuse(400, "invalid_request_error", "no script of the scenario fits this request")
        index = sum(entry.get("role") == "assistant" for entry in asked["messages"] if isinstance(entry, dict))
        played = min(index, len(script.turns) - 1)
        turn = script.turns[played]
        await asyncio.sleep(turn.delay_s)
        if (failure := turn.failure) is not None and self._fails(failure, (script_number, played)):
            return _fail(request, failure, self.requests)
        content = content_blocks(turn, index, with_tools=index == played)
        document = message(asked, index, content, usage_of(turn, asked, content))
        if not asked.get("stream"):
            await asyncio.sleep(turn.stall_s)
            return web.json_response(document, headers=_headers(self.requests))
        return await self._stream(request, document, turn)

    def _script(self, asked: Mapping[str, Any]) -> tuple[int, Script | None]:
        """The first script whose condition holds for the texts of the request."""
        text = "\n".join(_texts([asked.get("system"), asked["messages"]]))
        for number, script in enumerate(self.scripts):
            if script.when_contains in text:
                return number, script
        return -1, None

    def _fails(self, failure: Failure, place: tuple[int, int]) -> bool:
        self.failures[place] += 1
        return failure.times is None or self.failures[place] <= failure.times

    async def _stream(self, request: web.Request, document: Mapping[str, Any], turn: Turn) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **_headers(self.requests)})
        await response.prepare(request)
        for event, is_first_piece in events(document):
            await response.write(event)
            if is_first_piece:
                await asyncio.sleep(turn.stall_s)
        await response.write_eof()
        return response


def _fail(request: web.Request, failure: Failure, number: int) -> web.StreamResponse:
    if failure.status == 0:
        hang_up(request)
        return web.Response(status=500)
    headers = {**_headers(number), **dict(failure.headers)}
    return error_response(
        failure.status, failure.kind, failure.message, request_id=headers["request-id"], headers=headers
    )


def _refuse(status: int, kind: str, text: str) -> web.Response:
    return error_response(status, kind, text, headers=_headers(0))


def _headers(number: int) -> dict[str, str]:
    """What the provider adds to every answer; the limits are never near."""
    limits = {
        f"anthropic-ratelimit-{what}-{name}": value
        for what in ("requests", "tokens")
        for name, value in (("limit", _LIMIT), ("remaining", _LIMIT), ("reset", "2100-01-01T00:00:00Z"))
    }
    return {"request-id": f"req_offline_{number:06d}", **limits}


def _texts(value: object) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for entry in value for text in _texts(entry)]
    if isinstance(value, dict):
        return [text for entry in value.values() for text in _texts(entry)]
    return []
