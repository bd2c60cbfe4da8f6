"""The agents Scylla knows."""

from __future__ import annotations

from scylla.adapters.anchors import NOP, ORACLE
from scylla.adapters.claude_code import CLAUDE_CODE
from scylla.adapters.cli import Adapter

ADAPTERS: dict[str, Adapter] = {adapter.name: adapter for adapter in (CLAUDE_CODE, ORACLE, NOP)}


def judge_beside(adapter: Adapter) -> Adapter:
    """The adapter that judges the work of this one: itself, unless it asks no model."""
    return CLAUDE_CODE if adapter.program is None else adapter
