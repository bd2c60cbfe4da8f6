"""One request to a model and what came back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from scylla.domain.usage import ModelSpend, Spend, Tokens

MESSAGES_PATH = "/v1/messages"
CHARACTERS_PER_TOKEN = 4
"""The rule of thumb behind every estimate of this room."""

_UNKNOWN_MODEL = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One request that went upstream; `number` counts from 1 inside its folder.

    `started_at` is ISO 8601 UTC, `path` is without the query, `request_digest` the hex SHA-256 of the body. `status` is
    None until an answer began. `complete` is True when the answer came to its own end; `estimated` when the provider's
    count of its output was never seen. Then the output is the larger of what was reported so far and the streamed
    characters / 4; if not even its input was reported (no answer began, or the program was killed), the input is
    `request_bytes` / 4 at the full input price. `cost_usd` is None for a model without a known price.
    """

    number: int
    started_at: str
    method: str
    path: str
    model: str | None
    request_digest: str
    request_bytes: int
    status: int | None = None
    first_byte_s: float | None = None
    duration_s: float | None = None
    response_bytes: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    web_searches: int = 0
    cost_usd: float | None = 0.0
    estimated: bool = False
    complete: bool = False
    error_type: str | None = None
    error_message: str | None = None
    retry_after_s: float | None = None
    request_id: str | None = None

    @property
    def is_metered(self) -> bool:
        """True when it counts as spending: a message that was answered, or may have been. The rest is free."""
        return is_message(self.method, self.path) and (self.status is None or is_success(self.status))


def is_message(method: str, path: str) -> bool:
    """True for the one kind of request that costs money."""
    return method == "POST" and path == MESSAGES_PATH


def is_success(status: int) -> bool:
    """True for a 2xx status."""
    return 200 <= status < 300


def spend_of(exchanges: Iterable[Exchange]) -> Spend:
    """What these exchanges used, by model; those that are not metered count nothing."""
    return sum((_spend_of_one(exchange) for exchange in exchanges if exchange.is_metered), Spend())


def _spend_of_one(exchange: Exchange) -> Spend:
    entry = ModelSpend(
        model=exchange.model or _UNKNOWN_MODEL,
        tokens=exchange.tokens,
        requests=1,
        cost_usd=exchange.cost_usd,
    )
    return Spend(by_model=(entry,), estimated=exchange.estimated)
