"""Claude Code, in print mode."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from scylla.adapters.claude_setup import setup_arguments, setup_environment, setup_files, undelivered
from scylla.adapters.cli import Adapter, CliRequest, CliResult
from scylla.domain.outcome import Outcome
from scylla.domain.process import Command, Finished, ProviderAnswer
from scylla.domain.record import CliReport
from scylla.domain.usage import Tokens

_KNOWN_EVENTS = frozenset(
    {"system", "assistant", "user", "result", "stream_event", "rate_limit_event", "tool_progress"}
)
_OWN_LIMITS = {
    "error_max_budget_usd": (Outcome.OVER_BUDGET, "It reached its own spending limit."),
    "error_max_turns": (Outcome.FINISHED, "It reached its limit of turns."),
    "error_max_structured_output_retries": (Outcome.FINISHED, "It gave no answer that fits what was asked for."),
}
_LOGIN_VARIABLES = {"api_key": "ANTHROPIC_API_KEY", "oauth": "CLAUDE_CODE_OAUTH_TOKEN"}


def command(request: CliRequest) -> Command:
    """The command line and environment of one print-mode session; the prompt's text is its standard input."""
    flags = request.cli.flags
    argv = [str(request.cli.binary), "--print", "--output-format", "stream-json", "--verbose"]
    argv += ["--dangerously-skip-permissions", "--model", request.model]
    argv += setup_arguments(request)
    if request.answer_schema is not None:
        argv += ["--json-schema", request.answer_schema]
    if request.max_cost_usd is not None and "--max-budget-usd" in flags:
        argv += ["--max-budget-usd", str(request.max_cost_usd)]
    for flag in ("--strict-mcp-config", "--no-session-persistence", "--no-chrome"):
        if flag in flags:
            argv.append(flag)
    if request.setup.tools == () and "--disable-slash-commands" in flags:
        argv.append("--disable-slash-commands")
    if "--setting-sources" in flags:
        argv += ["--setting-sources", "project"]
    return Command(
        argv=tuple(argv),
        cwd=request.workspace,
        env=_environment(request),
        stdin=request.prompt_file,
        files=setup_files(request),
    )


def read_result(
    finished: Finished, lines: Iterable[bytes], error_text: str, answer: ProviderAnswer | None
) -> CliResult:
    """The outcome and everything the CLI said; unknown events and fields are passed over."""
    report = _read_report(lines)
    outcome, detail = _outcome(finished, report, answer)
    if outcome is Outcome.CRASHED and error_text.strip():
        detail = f"{detail} It said: {error_text.strip()[-500:]}"
    return CliResult(outcome=outcome, detail=detail, report=report)


CLAUDE_CODE = Adapter(
    name="claude-code",
    program="claude",
    default_model="sonnet",
    required_flags=frozenset(
        {"--print", "--output-format", "--verbose", "--model", "--json-schema", "--system-prompt"}
        | {"--append-system-prompt", "--agent", "--tools", "--mcp-config", "--strict-mcp-config", "--plugin-dir"}
    ),
    command=command,
    read_result=read_result,
    undelivered=undelivered,
)


def _environment(request: CliRequest) -> Mapping[str, str]:
    """All that the agent's processes see; nothing is inherited."""
    env = {
        "PATH": request.search_path,
        "HOME": str(request.home),
        "TMPDIR": str(request.temp),
        "CLAUDE_CODE_TMPDIR": str(request.temp),
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "TERM": "dumb",
        "TZ": "UTC",
        "ANTHROPIC_BASE_URL": request.base_url,
        _LOGIN_VARIABLES[request.login_kind]: request.placeholder,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": str(request.max_retries),
        "DISABLE_AUTOUPDATER": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    env |= setup_environment(request.setup)
    if request.is_root:
        # Without it the CLI refuses to skip permissions for root.
        env["IS_SANDBOX"] = "1"
    return env


def _outcome(finished: Finished, report: CliReport, answer: ProviderAnswer | None) -> tuple[Outcome, str]:
    if finished.error:
        return Outcome.SANDBOX_FAILED, f"The agent CLI could not be started: {finished.error}"
    if report.is_error is False and not finished.timed_out:
        return Outcome.FINISHED, ""
    if report.subtype in _OWN_LIMITS:
        return _OWN_LIMITS[report.subtype]
    # An agent that spent its time waiting for a provider that refuses has not been measured, timed out or not.
    if fault := _provider_fault(answer):
        return fault
    if finished.timed_out:
        return Outcome.TIMED_OUT, "It was stopped at its time limit."
    return Outcome.CRASHED, _crash_sentence(finished, report)


def _provider_fault(answer: ProviderAnswer | None) -> tuple[Outcome, str] | None:
    """What the provider's last answer makes of a session that did not finish; None when it is not to blame.

    Told by the answer itself, never by words in somebody's output. A request refused as bad is the agent's own doing
    (a conversation that grew too long) only when others were answered before it.
    """
    if answer is None or not answer.is_failure:
        return None
    said = f"The provider answered {answer.status or 'nothing'}"
    said += f" ({answer.error_type}: {answer.error_message})." if answer.error_type else "."
    if answer.status in (401, 402, 403) or _is_unpaid(answer):
        return Outcome.AUTH_FAILED, said
    if answer.status == 429:
        return Outcome.RATE_LIMITED, said
    if not answer.after_success or answer.status in (0, 404, 408, 409) or answer.status >= 500:
        return Outcome.PROVIDER_ERROR, said
    return None


def _is_unpaid(answer: ProviderAnswer) -> bool:
    """The provider reports an empty account as a bad request; its message is the only mark of it."""
    return answer.status == 400 and "credit balance" in (answer.error_message or "").lower()


def _crash_sentence(finished: Finished, report: CliReport) -> str:
    if finished.signal is not None:
        return f"The agent CLI was ended by signal {finished.signal}."
    if report.result_text:
        return f"The agent CLI ended with an error (exit code {finished.exit_code}): {report.result_text[:300]}"
    return f"The agent CLI ended with exit code {finished.exit_code} and without a result."


def _read_report(lines: Iterable[bytes]) -> CliReport:
    start: Mapping[str, Any] = {}
    end: Mapping[str, Any] = {}
    unknown_events = 0
    for line in lines:
        event = _parse(line)
        if event is None:
            continue
        kind = event.get("type")
        if kind == "result":
            end = event
        elif kind == "system" and event.get("subtype") == "init":
            start = event
        elif kind not in _KNOWN_EVENTS:
            unknown_events += 1
    structured = end.get("structured_output")
    return CliReport(
        session_id=_text(end.get("session_id")) or _text(start.get("session_id")),
        result_text=_text(end.get("result")),
        is_error=end["is_error"] if isinstance(end.get("is_error"), bool) else None,
        subtype=_text(end.get("subtype")),
        terminal_reason=_text(end.get("terminal_reason")),
        api_error_status=_integer(end.get("api_error_status")),
        num_turns=_integer(end.get("num_turns")),
        cost_usd=_number(end.get("total_cost_usd")),
        duration_api_s=None if (ms := _number(end.get("duration_api_ms"))) is None else ms / 1000,
        tokens=_tokens(end),
        cost_by_model_usd=_cost_by_model(end),
        structured_output=None if structured is None else json.dumps(structured),
        cli_version=_text(start.get("claude_code_version")),
        model=_text(start.get("model")),
        tools=_texts(start.get("tools")),
        agents=_texts(start.get("agents")),
        skills=_texts(start.get("skills")),
        plugins=_names(start.get("plugins")),
        mcp_servers=tuple(
            (str(server.get("name")), str(server.get("status")))
            for server in _list(start.get("mcp_servers"))
            if isinstance(server, dict)
        ),
        unknown_events=unknown_events,
    )


def _parse(line: bytes) -> Mapping[str, Any] | None:
    """The event of a line, None for anything that is not a JSON object."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _tokens(end: Mapping[str, Any]) -> Tokens | None:
    """Tokens of all models where the CLI lists them (sub-agents included), else of the main conversation."""
    per_model = [usage for usage in _mapping(end.get("modelUsage")).values() if isinstance(usage, dict)]
    if per_model:
        return Tokens(
            input_tokens=sum(_integer(usage.get("inputTokens")) or 0 for usage in per_model),
            output_tokens=sum(_integer(usage.get("outputTokens")) or 0 for usage in per_model),
            cache_creation_tokens=sum(_integer(usage.get("cacheCreationInputTokens")) or 0 for usage in per_model),
            cache_read_tokens=sum(_integer(usage.get("cacheReadInputTokens")) or 0 for usage in per_model),
            cache_creation_1h_tokens=sum(
                _integer(usage.get("cacheCreationEphemeral1hInputTokens")) or 0 for usage in per_model
            ),
        )
    usage = _mapping(end.get("usage"))
    if not usage:
        return None
    return Tokens(
        input_tokens=_integer(usage.get("input_tokens")) or 0,
        output_tokens=_integer(usage.get("output_tokens")) or 0,
        cache_creation_tokens=_integer(usage.get("cache_creation_input_tokens")) or 0,
        cache_read_tokens=_integer(usage.get("cache_read_input_tokens")) or 0,
        cache_creation_1h_tokens=_integer(_mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")) or 0,
    )


def _cost_by_model(end: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    costs = {
        model: _number(usage.get("costUSD"))
        for model, usage in _mapping(end.get("modelUsage")).items()
        if isinstance(usage, dict)
    }
    return tuple(sorted((model, cost) for model, cost in costs.items() if cost is not None))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(entry for entry in _list(value) if isinstance(entry, str))


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(entry.get("name")) for entry in _list(value) if isinstance(entry, dict))


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
