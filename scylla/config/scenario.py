"""offline.yaml → what the offline model plays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from scylla.config.findings import Findings
from scylla.config.strict import Count, Id, NonEmpty, Strict, refuse, validate
from scylla.config.yaml_file import read_yaml
from scylla.domain.scenario import Failure, Scenario, Script, ToolCall, Turn
from scylla.errors import ProblemsFound

DEFAULT_SCENARIO = Scenario(
    agent=(Script(turns=(Turn(text="The offline model has no scenario for this case, so nothing was changed."),)),),
    judge=(Script(turns=(Turn(text="The offline model has no scenario for this case, so there is no verdict."),)),),
)
"""What is played for a case without offline.yaml."""

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_TURN_CONTENT = ("say", "tools", "verdict", "error")


Delay = Annotated[float, Field(ge=0, le=24 * 3600)]


class ToolFormat(Strict):
    """A call of one of the agent CLI's tools."""

    name: NonEmpty
    input: dict[str, Any] = Field(default_factory=dict)


class VerdictItem(Strict):
    """What the judge gives one item; points null: the item does not apply."""

    points: float | None
    reason: str
    evidence: NonEmpty = "played by the offline model"


class ErrorFormat(Strict):
    """An error answer instead of the turn; status 0 closes the connection."""

    status: int = Field(ge=0, le=599)
    type: NonEmpty | None = Field(default=None, description="by default the provider's usual type for the status")
    message: str = "an error of the offline model"
    headers: dict[NonEmpty, str] = Field(default_factory=dict)
    times: int | None = Field(default=None, ge=1, description="how often before the turn is played; null for always")

    @model_validator(mode="after")
    def _check_status(self) -> ErrorFormat:
        if 0 < self.status < 400:
            refuse(f"{self.status} is no error status", "Use 400 to 599, or 0 for a closed connection")
        return self


class UsageFormat(Strict):
    """Token counts to report; what is left out is estimated from the text."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_tokens: Count | None = None
    cache_read_tokens: Count | None = None


class TurnFormat(Strict):
    """One answer of the model."""

    say: str = ""
    tools: list[ToolFormat] = Field(default_factory=list)
    verdict: dict[Id, VerdictItem] | None = Field(
        default=None, description="judge only: calls StructuredOutput with it"
    )
    error: ErrorFormat | None = None
    delay_s: Delay = Field(default=0.0, description="before the first byte")
    stall_s: Delay = Field(default=0.0, description="after the first piece of text")
    usage: UsageFormat = UsageFormat()

    @model_validator(mode="after")
    def _check_content(self) -> TurnFormat:
        if not any((self.say, self.tools, self.verdict is not None, self.error)):
            refuse("the turn has no content", f"Give it one of {', '.join(_TURN_CONTENT)}")
        return self


Turns = Annotated[list[TurnFormat], Field(min_length=1)]


class TurnsFormat(Strict):
    """Turns for every request."""

    turns: Turns


class ScriptFormat(TurnsFormat):
    """Turns for requests whose text contains `when_contains`; without it for every request."""

    when_contains: str = ""


def _part_branch(value: object) -> str:
    return "<scripts>" if isinstance(value, list) else "<turns>"


Part = Annotated[
    Annotated[TurnsFormat, Tag("<turns>")]
    | Annotated[Annotated[list[ScriptFormat], Field(min_length=1)], Tag("<scripts>")],
    Discriminator(_part_branch),
]


class ScenarioFormat(Strict):
    """offline.yaml."""

    schema_version: Literal[1]
    agent: Part
    judge: Part | None = None


def load_scenario(path: Path) -> Scenario:
    """The scenario in a file. Raises ProblemsFound with every error in it."""
    findings = Findings()
    scenario = read_scenario(path, findings)
    if scenario is None:
        raise ProblemsFound(findings.problems)
    return scenario


def read_scenario(path: Path, findings: Findings) -> Scenario | None:
    """The scenario, or None and at least one error."""
    errors_before = findings.error_count
    content = read_yaml(path, findings, fix="Create it, or remove the reference to it")
    scenario = validate(ScenarioFormat, content, path, findings)
    if scenario is None:
        return None
    _check_no_agent_verdict(scenario.agent, path, findings)
    if findings.error_count > errors_before:
        return None
    return Scenario(
        agent=_scripts(scenario.agent),
        judge=DEFAULT_SCENARIO.judge if scenario.judge is None else _scripts(scenario.judge),
    )


def _check_no_agent_verdict(part: TurnsFormat | list[ScriptFormat], file: Path, findings: Findings) -> None:
    scripts = [("agent", part)] if isinstance(part, TurnsFormat) else [(f"agent[{n}]", s) for n, s in enumerate(part)]
    for key, script in scripts:
        for index, turn in enumerate(script.turns):
            if turn.verdict is not None:
                place = f"{key}.turns[{index}].verdict"
                findings.error(file, place, reason="an agent gives no verdict", fix="Move the turn to 'judge'")


def _scripts(part: TurnsFormat | list[ScriptFormat]) -> tuple[Script, ...]:
    if isinstance(part, TurnsFormat):
        return (Script(turns=_turns(part)),)
    return tuple(Script(turns=_turns(script), when_contains=script.when_contains) for script in part)


def _turns(script: TurnsFormat) -> tuple[Turn, ...]:
    return tuple(
        Turn(
            text=turn.say,
            tool_calls=_tool_calls(turn),
            failure=None if turn.error is None else _failure(turn.error),
            delay_s=turn.delay_s,
            stall_s=turn.stall_s,
            input_tokens=turn.usage.input_tokens,
            output_tokens=turn.usage.output_tokens,
            cache_creation_tokens=turn.usage.cache_creation_tokens,
            cache_read_tokens=turn.usage.cache_read_tokens,
        )
        for turn in script.turns
    )


def _tool_calls(turn: TurnFormat) -> tuple[ToolCall, ...]:
    calls = [(tool.name, tool.input) for tool in turn.tools]
    if turn.verdict is not None:
        items = {item_id: _verdict_item(item) for item_id, item in turn.verdict.items()}
        calls.append(("StructuredOutput", {"items": items}))
    return tuple(ToolCall(name=name, input_json=json.dumps(tool_input)) for name, tool_input in calls)


def _verdict_item(item: VerdictItem) -> dict[str, Any]:
    if item.points is None:
        return {**item.model_dump(), "points": 0.0, "not_applicable": True}
    return item.model_dump()


def _failure(error: ErrorFormat) -> Failure:
    return Failure(
        status=error.status,
        kind=error.type or ERROR_TYPES.get(error.status, ERROR_TYPES[400 if error.status < 500 else 500]),
        message=error.message,
        headers=tuple(error.headers.items()),
        times=error.times,
    )
