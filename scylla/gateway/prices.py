"""What tokens cost: a dated table kept as data in `prices.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from scylla.domain.usage import Tokens

_FILE = Path(__file__).with_name("prices.yaml")
_LONG_CONTEXT = "[1m]"
_DATE_SUFFIX = re.compile(r"-\d{8}$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """US dollars per million tokens of each kind, valid from `since` on."""

    since: date
    input: float
    output: float
    cache_write_5m: float
    cache_write_1h: float
    cache_read: float

    def cost_usd(self, tokens: Tokens) -> float:
        """US dollars for these tokens."""
        millionths = (
            tokens.input_tokens * self.input
            + tokens.output_tokens * self.output
            + (tokens.cache_creation_tokens - tokens.cache_creation_1h_tokens) * self.cache_write_5m
            + tokens.cache_creation_1h_tokens * self.cache_write_1h
            + tokens.cache_read_tokens * self.cache_read
        )
        return millionths / 1_000_000


class PriceTable:
    """Prices by model. An id matches exactly, or without its `[1m]` and `-YYYYMMDD` endings; there is no guessing."""

    def __init__(self, prices: Mapping[str, tuple[Price, ...]], *, dated: str, web_search_usd: float) -> None:
        self._prices = prices
        self._web_search_usd = web_search_usd
        self.dated = dated

    @classmethod
    def load(cls) -> PriceTable:
        """The table that ships with Scylla."""
        return cls.parse(_FILE.read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> PriceTable:
        """The table in a YAML text shaped like `prices.yaml`."""
        document = yaml.safe_load(text)
        return cls(
            {model: tuple(_price(entry) for entry in entries) for model, entries in document["models"].items()},
            dated=document["dated"].isoformat(),
            web_search_usd=document["web_search_usd_per_1000"] / 1000,
        )

    def knows(self, model: str) -> bool:
        """True when the model has a price on the day of the table."""
        return self._find(model, date.fromisoformat(self.dated)) is not None

    def family(self, name: str) -> tuple[str, ...]:
        """The models of the table with `name` as a word of their id, such as `opus`; for estimates, never for bills."""
        return tuple(model for model in self._prices if name in model.split("-"))

    def cost_usd(self, model: str, tokens: Tokens, web_searches: int, *, on: date | None = None) -> float | None:
        """US dollars at the prices of the day `on` (that of the table when None); None for a model without a price."""
        price = self._find(model, on or date.fromisoformat(self.dated))
        if price is None:
            return None
        return price.cost_usd(tokens) + web_searches * self._web_search_usd

    def _find(self, model: str, on: date) -> Price | None:
        base = model.removesuffix(_LONG_CONTEXT)
        entries = self._prices.get(base) or self._prices.get(_DATE_SUFFIX.sub("", base)) or ()
        valid = [price for price in entries if price.since <= on]
        return max(valid, key=lambda price: price.since, default=None)


def _price(entry: Mapping[str, Any]) -> Price:
    return Price(
        since=entry.get("from", date.min),
        input=float(entry["input"]),
        output=float(entry["output"]),
        cache_write_5m=float(entry["cache_write_5m"]),
        cache_write_1h=float(entry["cache_write_1h"]),
        cache_read=float(entry["cache_read"]),
    )
