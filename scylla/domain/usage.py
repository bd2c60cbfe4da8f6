"""Tokens and money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Token counts as the provider bills them.

    The four kinds are disjoint. `cache_creation_1h_tokens` is the part of `cache_creation_tokens` written with the
    one-hour lifetime (it costs more); the rest was written with the five-minute lifetime.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_tokens: int = 0
    cache_read_tokens: int = 0
    cache_creation_1h_tokens: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_creation_tokens=self.cache_creation_tokens + other.cache_creation_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_creation_1h_tokens=self.cache_creation_1h_tokens + other.cache_creation_1h_tokens,
        )

    @property
    def total_tokens(self) -> int:
        """All four kinds together."""
        return self.input_tokens + self.output_tokens + self.cache_creation_tokens + self.cache_read_tokens

    @property
    def cache_efficiency(self) -> float | None:
        """cache_read / (input + cache_read), a share 0..1; None when both are zero."""
        read_or_sent = self.input_tokens + self.cache_read_tokens
        return self.cache_read_tokens / read_or_sent if read_or_sent else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpend:
    """What one model was sent and what that cost. `cost_usd` is None when the price table lacks the model."""

    model: str
    tokens: Tokens
    requests: int
    cost_usd: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spend:
    """What a set of exchanges used, by model (sorted by name).

    `estimated` is True when an exchange was cut off and its output tokens had to be estimated from the text streamed.
    """

    by_model: tuple[ModelSpend, ...] = ()
    estimated: bool = False

    @property
    def tokens(self) -> Tokens:
        """Sum over models."""
        return sum((entry.tokens for entry in self.by_model), Tokens())

    @property
    def requests(self) -> int:
        """Model requests that were answered, also in part."""
        return sum(entry.requests for entry in self.by_model)

    @property
    def cost_usd(self) -> float | None:
        """Sum over models; None as soon as one model has no known price, 0.0 when nothing was used."""
        return add_costs(entry.cost_usd for entry in self.by_model)

    def __add__(self, other: Spend) -> Spend:
        merged: dict[str, ModelSpend] = {}
        for entry in (*self.by_model, *other.by_model):
            known = merged.get(entry.model)
            merged[entry.model] = entry if known is None else _add_model_spends(known, entry)
        return Spend(
            by_model=tuple(merged[model] for model in sorted(merged)),
            estimated=self.estimated or other.estimated,
        )


def add_costs(costs_usd: Iterable[float | None]) -> float | None:
    """The sum in US dollars; None as soon as one is unknown."""
    total = 0.0
    for cost_usd in costs_usd:
        if cost_usd is None:
            return None
        total += cost_usd
    return total


def _add_model_spends(left: ModelSpend, right: ModelSpend) -> ModelSpend:
    return ModelSpend(
        model=left.model,
        tokens=left.tokens + right.tokens,
        requests=left.requests + right.requests,
        cost_usd=add_costs((left.cost_usd, right.cost_usd)),
    )
