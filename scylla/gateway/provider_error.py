"""Errors in the shape the provider gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web


def error_body(kind: str, message: str, *, request_id: str | None = None) -> bytes:
    """The JSON document of an error."""
    document = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    return json.dumps(document, ensure_ascii=False).encode()


def error_response(
    status: int, kind: str, message: str, *, request_id: str | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer that a CLI reads like an error of the provider itself."""
    return web.Response(
        status=status,
        body=error_body(kind, message, request_id=request_id),
        content_type="application/json",
        headers=headers,
    )
