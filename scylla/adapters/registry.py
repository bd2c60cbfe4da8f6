"""The agent CLIs Scylla knows."""

from __future__ import annotations

from scylla.adapters.claude_code import CLAUDE_CODE
from scylla.adapters.cli import Adapter

ADAPTERS: dict[str, Adapter] = {adapter.name: adapter for adapter in (CLAUDE_CODE,)}
