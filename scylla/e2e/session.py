"""One start of the agent CLI behind a gateway session of its own; the same for agents and judges."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from scylla.adapters.cli import Adapter, CliRequest, CliResult, InstalledCli
from scylla.domain.outcome import Outcome
from scylla.domain.process import Finished, ProviderAnswer
from scylla.domain.usage import Spend
from scylla.e2e.parts import Parts
from scylla.e2e.sitting import Sitting
from scylla.executor.process import run
from scylla.gateway.exchange import Exchange, is_message, is_success
from scylla.gateway.gateway import Session
from scylla.gateway.relay import CLIENT_GONE
from scylla.gateway.upstream import Upstream
from scylla.workspace.slots import Slot

_ERROR_TEXT_BYTES = 4000
_STATUS_OF_ERROR = {
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
    "connection_cut": 502,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a session ended and what it used. `retry_after_s` is None when the provider did not ask for a wait."""

    result: CliResult
    finished: Finished
    spend: Spend
    retry_after_s: float | None


def basic_request(
    session: Session, slot: Slot, prompt_file: Path, *, cli: InstalledCli, model: str, parts: Parts
) -> CliRequest:
    """What every start of the CLI needs, with the CLI's own system prompt and tools."""
    return CliRequest(
        cli=cli,
        prompt_file=prompt_file,
        workspace=slot.workspace,
        home=slot.home,
        temp=slot.temp,
        search_path=parts.search_path,
        base_url=session.base_url,
        login_kind=parts.login_kind,
        placeholder=session.placeholder,
        model=model,
        servers=parts.servers,
        max_retries=parts.limits.cli_retries,
        is_root=parts.is_root,
    )


async def run_session(
    make_request: Callable[[Session], CliRequest],
    *,
    adapter: Adapter,
    upstream: Upstream,
    folder: Path,
    timeout_s: float,
    held: tuple[int, ...],
    parts: Parts,
    sitting: Sitting,
) -> Ended:
    """Start the CLI, wait for its end, the time limit or the interrupt, and read what it left in `folder`."""
    stdout, stderr = folder / "stdout.jsonl", folder / "stderr.txt"
    for path in (stdout, stderr):
        path.touch()  # an interrupt may come before anything has been started
    started = time.monotonic()
    async with parts.gateway.open_session(upstream, folder) as session:
        command = replace(adapter.command(make_request(session)), held=held)
        for path, text in command.files:
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        finished = await sitting.unless_interrupted(
            lambda: run(command, stdout=stdout, stderr=stderr, timeout_s=timeout_s)
        )
    interrupted = finished is None
    if finished is None:
        finished = Finished(exit_code=None, signal=None, timed_out=False, duration_s=time.monotonic() - started)
    answer = last_answer(session.exchanges())
    with stdout.open("rb") as lines:
        result = adapter.read_result(finished, lines, _end_of(stderr), answer)
    if interrupted:
        result = replace(result, outcome=Outcome.CANCELLED, detail="The experiment was interrupted.")
    return Ended(
        result=result,
        finished=finished,
        spend=session.spend(),
        retry_after_s=answer.retry_after_s if answer else None,
    )


def last_answer(exchanges: tuple[Exchange, ...]) -> ProviderAnswer | None:
    """The provider's last answer to a model request.

    Requests that were never answered, and answers cut off because the CLI went away, are passed over. An error inside
    a stream that began well counts with the status its type stands for.
    """
    answered = [
        (exchange, _STATUS_OF_ERROR.get(exchange.error_type or "", exchange.status))
        for exchange in exchanges
        if is_message(exchange.method, exchange.path)
        and exchange.status is not None
        and exchange.error_type != CLIENT_GONE
    ]
    if not answered:
        return None
    last, status = answered[-1]
    return ProviderAnswer(
        status=status or 0,
        after_success=any(is_success(status or 0) for _, status in answered[:-1]),
        error_type=last.error_type,
        error_message=last.error_message,
        retry_after_s=last.retry_after_s,
    )


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _ERROR_TEXT_BYTES))
        return file.read().decode(errors="replace")
