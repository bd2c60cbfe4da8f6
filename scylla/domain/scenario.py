"""What the offline model plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["agent", "judge"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A call of one of the agent CLI's tools; `input_json` is a JSON object as text."""

    name: str
    input_json: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An error answer instead of a turn. `times` counts how often it is given, None for always.

    `status` 0 stands for a connection that is closed without an answer.
    """

    status: int
    kind: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()
    times: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One answer of the model.

    The turn played is chosen by the number of assistant messages in the request, so that it does not depend on what
    the server saw before; after the last turn the last one is repeated without its tool calls. `delay_s` passes before
    the first byte, `stall_s` after the first piece of text. Token counts that are None are estimated from the text.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    failure: Failure | None = None
    delay_s: float = 0.0
    stall_s: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_tokens: int | None = None
    cache_read_tokens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """Turns for requests whose text contains `when_contains` (always, when that is empty)."""

    turns: tuple[Turn, ...]
    when_contains: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """Both parts of an offline run. The first script whose condition holds is played."""

    agent: tuple[Script, ...]
    judge: tuple[Script, ...]

    def scripts(self, role: Role) -> tuple[Script, ...]:
        """The scripts of one part."""
        return self.agent if role == "agent" else self.judge
