"""Answers in the shape of the provider's Messages API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scylla.domain.scenario import Turn
from scylla.domain.usage import Tokens
from scylla.gateway.exchange import CHARACTERS_PER_TOKEN
from scylla.gateway.metering import as_object, as_text

_PIECE_CHARACTERS = 400
_UNCACHED_TOKENS = 3


def content_blocks(turn: Turn, index: int, *, with_tools: bool) -> list[dict[str, Any]]:
    """The content of an answer; tool calls get ids that depend on their place alone."""
    blocks: list[dict[str, Any]] = [{"type": "text", "text": turn.text}] if turn.text else []
    if with_tools:
        blocks += [
            {
                "type": "tool_use",
                "id": f"toolu_{index:04d}_{position:02d}",
                "name": call.name,
                "input": json.loads(call.input_json),
            }
            for position, call in enumerate(turn.tool_calls)
        ]
    return blocks or [{"type": "text", "text": "(nothing)"}]


def usage_of(turn: Turn, request: Mapping[str, Any], content: Sequence[Mapping[str, Any]]) -> Tokens:
    """The turn's fixed counts; where it has none, estimates from the request and the answer alone.

    Like a provider with a prompt cache: what the request before had already sent is read from it, the rest is written.
    """
    messages = request.get("messages") or []
    earlier = messages[:-2] if len(messages) > 2 else []
    whole = estimate([request.get("system"), request.get("tools"), messages])
    cached = estimate([request.get("system"), request.get("tools"), earlier]) if earlier else 0
    guess = Tokens(
        input_tokens=_UNCACHED_TOKENS,
        output_tokens=estimate(content),
        cache_creation_tokens=max(0, whole - cached),
        cache_read_tokens=cached,
    )
    return Tokens(
        input_tokens=guess.input_tokens if turn.input_tokens is None else turn.input_tokens,
        output_tokens=guess.output_tokens if turn.output_tokens is None else turn.output_tokens,
        cache_creation_tokens=(
            guess.cache_creation_tokens if turn.cache_creation_tokens is None else turn.cache_creation_tokens
        ),
        cache_read_tokens=guess.cache_read_tokens if turn.cache_read_tokens is None else turn.cache_read_tokens,
    )


def estimate(value: object) -> int:
    """Tokens of a JSON value: its characters / 4, at least one."""
    return max(1, len(json.dumps(value, ensure_ascii=False)) // CHARACTERS_PER_TOKEN)


def message(
    request: Mapping[str, Any], index: int, content: Sequence[Mapping[str, Any]], usage: Tokens
) -> dict[str, Any]:
    """The whole answer as one document."""
    uses_tools = any(block["type"] == "tool_use" for block in content)
    return {
        "id": f"msg_offline_{index:04d}",
        "type": "message",
        "role": "assistant",
        "model": as_text(request.get("model")),
        "content": list(content),
        "stop_reason": "tool_use" if uses_tools else "end_turn",
        "stop_sequence": None,
        "usage": _usage(usage),
    }


def events(answer: Mapping[str, Any]) -> Iterator[tuple[bytes, bool]]:
    """The same answer as server-sent events; the flag is True after the first piece of text."""
    usage = as_object(answer["usage"])
    start = {**answer, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield _event({"type": "message_start", "message": start}), False
    first_piece = True
    for index, block in enumerate(answer["content"]):
        empty, deltas = _pieces(block)
        yield _event({"type": "content_block_start", "index": index, "content_block": empty}), False
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta}), first_piece
            first_piece = False
        yield _event({"type": "content_block_stop", "index": index}), False
    end = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": end, "usage": usage}), False
    yield _event({"type": "message_stop"}), False


def _pieces(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """A content block without its content, and the content in pieces."""
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in _split(block["text"])]
    text = json.dumps(block["input"])
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in _split(text)]


def _split(text: str) -> list[str]:
    return [text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)] or [""]


def _usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "input_tokens": tokens.input_tokens,
        "output_tokens": tokens.output_tokens,
        "cache_creation_input_tokens": tokens.cache_creation_tokens,
        "cache_read_input_tokens": tokens.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_creation_tokens - tokens.cache_creation_1h_tokens,
            "ephemeral_1h_input_tokens": tokens.cache_creation_1h_tokens,
        },
        "service_tier": "standard",
    }


def _event(data: Mapping[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
