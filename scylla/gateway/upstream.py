"""Where a session sends its requests, and as whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Literal

from multidict import CIMultiDict, CIMultiDictProxy

OAUTH_BETA = "oauth-2025-04-20"

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Host and length are set anew; the body arrives here decoded and complete.
_NOT_SENT_UP = _HOP_BY_HOP | {"host", "content-length", "content-encoding", "expect", "accept-encoding"}
_CREDENTIALS = frozenset({"authorization", "x-api-key"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """A key or a login's token. The secret is in no repr."""

    kind: Literal["api_key", "oauth"]
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """A server that speaks the Messages API; `base_url` may have a path. No credential is sent when it is None.

    `proxy` is the URL of an HTTP proxy on the way there.
    """

    base_url: str
    credential: Credential | None
    proxy: str | None = None


def carries(headers: Mapping[str, str], placeholder: str) -> bool:
    """True when a request shows the placeholder as its key or as its bearer token."""
    key = headers.get("x-api-key", "")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    # Bytes that are no UTF-8 arrive as surrogate escapes.
    shown = (text.encode(errors="surrogateescape") for text in (key, bearer))
    return any(compare_digest(each, placeholder.encode()) for each in shown)


def headers_up(headers: CIMultiDictProxy[str], credential: Credential | None) -> CIMultiDict[str]:
    """What goes to the provider: end-to-end headers, the real credential for the placeholder, no compression."""
    dropped = _NOT_SENT_UP | _CREDENTIALS | _named_by_connection(headers)
    sent = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)
    sent["Accept-Encoding"] = "identity"
    if credential is None:
        return sent
    if credential.kind == "api_key":
        sent["x-api-key"] = credential.secret
        return sent
    sent["Authorization"] = f"Bearer {credential.secret}"
    betas = [beta.strip() for value in sent.getall("anthropic-beta", []) for beta in value.split(",") if beta.strip()]
    if OAUTH_BETA not in betas:
        sent["anthropic-beta"] = ",".join([*betas, OAUTH_BETA])
    return sent


def headers_down(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """What goes back to the client: end-to-end headers."""
    dropped = _HOP_BY_HOP | _named_by_connection(headers)
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def _named_by_connection(headers: CIMultiDictProxy[str]) -> frozenset[str]:
    """RFC 9110 §7.6.1: a Connection header names further headers that end at this hop."""
    return frozenset(
        name.strip().lower() for value in headers.getall("connection", []) for name in value.split(",") if name.strip()
    )
