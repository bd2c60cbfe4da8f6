"""Token counts out of an answer, read while its bytes pass by."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from scylla.domain.usage import Tokens
from scylla.gateway.exchange import CHARACTERS_PER_TOKEN

_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_TEXT_FIELDS = ("text", "partial_json", "thinking")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What an answer says of itself. `tokens` is None when it reported no usage at all.

    `is_final` is True when the output was counted by the provider to its end, `complete` when the answer came to its
    own end.
    """

    model: str | None = None
    tokens: Tokens | None = None
    web_searches: int = 0
    is_final: bool = False
    complete: bool = False
    error_type: str | None = None
    error_message: str | None = None


class StreamMeter:
    """Reads server-sent events in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""
        self._usage = _Usage()
        self._model: str | None = None
        self._characters = 0
        self._is_final = False
        self._complete = False
        self._error: dict[str, Any] = {}

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._take(parse_object(line[5:]))

    def reading(self) -> Reading:
        """What is known so far; an output that was not counted to its end is estimated from the text."""
        tokens = self._usage.tokens() if self._usage.seen else None
        if tokens is not None and not self._is_final:
            tokens = tokens + Tokens(output_tokens=max(0, self._estimated_output_tokens - tokens.output_tokens))
        return Reading(
            model=self._model,
            tokens=tokens,
            web_searches=self._usage.web_searches,
            is_final=self._is_final,
            complete=self._complete,
            error_type=as_text(self._error.get("type")),
            error_message=as_text(self._error.get("message")),
        )

    @property
    def _estimated_output_tokens(self) -> int:
        return -(-self._characters // CHARACTERS_PER_TOKEN)

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "content_block_delta":
            delta = as_object(event.get("delta"))
            self._characters += sum(len(as_text(delta.get(name)) or "") for name in _TEXT_FIELDS)
        elif kind == "message_start":
            message = as_object(event.get("message"))
            self._model = as_text(message.get("model"))
            self._usage.take(message.get("usage"))
        elif kind == "message_delta":
            self._is_final = self._usage.take(event.get("usage")) or self._is_final
        elif kind == "message_stop":
            self._complete = True
        elif kind == "error":
            self._error = as_object(event.get("error"))


def read_document(body: bytes) -> Reading:
    """What an answer that is one JSON document says of itself; an empty reading when it is none, or was cut."""
    document = parse_object(body)
    usage = _Usage()
    seen = usage.take(document.get("usage"))
    error = as_object(document.get("error"))
    return Reading(
        model=as_text(document.get("model")),
        tokens=usage.tokens() if seen else None,
        web_searches=usage.web_searches,
        is_final=seen,
        complete=bool(document),
        error_type=as_text(error.get("type")),
        error_message=as_text(error.get("message")),
    )


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object in the bytes; empty when there is none."""
    try:
        return as_object(json.loads(data))
    except (ValueError, RecursionError):
        return {}


def as_object(value: object) -> dict[str, Any]:
    """The value when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_text(value: object) -> str | None:
    """The value when it is a string, else None; a half of a surrogate pair in it, which no file takes, becomes "?"."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else None


@dataclass(kw_only=True, slots=True)
class _Usage:
    """Reports of usage are cumulative: the last count above zero holds."""

    counts: dict[str, int] = field(default_factory=dict)
    seen: bool = False

    def take(self, report: object) -> bool:
        """Take a report; False when there is none."""
        if not isinstance(report, dict):
            return False
        self.seen = True
        for name in _COUNTS:
            self._keep(name, report.get(name))
        self._keep("cache_creation_1h", as_object(report.get("cache_creation")).get("ephemeral_1h_input_tokens"))
        self._keep("web_searches", as_object(report.get("server_tool_use")).get("web_search_requests"))
        return True

    def tokens(self) -> Tokens:
        cache_creation_tokens = self.counts.get("cache_creation_input_tokens", 0)
        return Tokens(
            input_tokens=self.counts.get("input_tokens", 0),
            output_tokens=self.counts.get("output_tokens", 0),
            cache_creation_tokens=cache_creation_tokens,
            cache_read_tokens=self.counts.get("cache_read_input_tokens", 0),
            cache_creation_1h_tokens=min(cache_creation_tokens, self.counts.get("cache_creation_1h", 0)),
        )

    @property
    def web_searches(self) -> int:
        return self.counts.get("web_searches", 0)

    def _keep(self, name: str, value: object) -> None:
        if isinstance(value, int) and value > 0:
            self.counts[name] = value
