"""Set-ups: what a subtest gives an agent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import Enum

TIER_IDS = ("T0", "T1", "T2", "T3", "T4", "T5", "T6")


class SystemPrompt(str, Enum):
    """`NONE` sends an empty one, `DEFAULT` leaves the CLI's own, `CUSTOM` replaces it by the set-up's text."""

    NONE = "none"
    DEFAULT = "default"
    CUSTOM = "custom"


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayFile:
    """A file laid over the workspace before the agent starts; `path` is relative, with forward slashes."""

    path: str
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What reaches the agent beside the task. `system_prompt_text` only with `CUSTOM`."""

    system_prompt: SystemPrompt = SystemPrompt.DEFAULT
    system_prompt_text: str = ""
    overlay: tuple[OverlayFile, ...] = field(default=())

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the whole set-up; equal exactly when the treatments are."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Subtest:
    """One set-up of a tier. `id` has two digits; `label` is `T0/03`."""

    tier: str
    id: str
    name: str
    description: str
    setup: Setup

    @property
    def label(self) -> str:
        """`<tier>/<id>`, the way people name a subtest."""
        return f"{self.tier}/{self.id}"
