"""One attempt: a private workspace, the set-up laid over it, the agent, and a record of how it ended."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from scylla.adapters.cli import CliRequest
from scylla.domain.outcome import Outcome
from scylla.domain.plan import RunKey
from scylla.domain.record import Attempt
from scylla.e2e.changes import keep_changes
from scylla.e2e.parts import Parts
from scylla.e2e.session import Ended, basic_request, run_session
from scylla.e2e.sitting import Sitting
from scylla.gateway.gateway import Session
from scylla.workspace.copies import copy
from scylla.workspace.overlay import apply_setup, write_plugins
from scylla.workspace.slots import Slot


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A recorded attempt, and how long the provider asked to wait (None when it did not)."""

    attempt: Attempt
    retry_after_s: float | None


async def attempt_run(key: RunKey, parts: Parts, sitting: Sitting) -> Tried:
    """Try a run once: claimed before anything is started, recorded as soon as its agent has ended.

    The changes of a result are kept at once: from then on it can be graded whatever happens to its workspace.
    """
    started_at = parts.now()
    number = parts.store.claim_attempt(
        key,
        started_at=started_at.isoformat(),
        setup_digest=parts.setup(key).digest,
    )
    parts.progress.agent_started(key, number)
    with parts.agent_slots.take() as slot:
        ended = await _run_agent(key, number, slot, parts, sitting)
        # The workspace of a result is moved to a name of its own before the record names it.
        workspace = parts.ungraded / secrets.token_hex(8) if ended.result.outcome.is_result else None
        if workspace is not None:
            slot.retire(workspace)
        attempt = _record(key, number, started_at, ended, workspace, parts)
        parts.store.finish_attempt(attempt)
        if workspace is not None:
            await keep_changes(attempt, attempt_folder(parts, key, number), parts)
    parts.progress.agent_ended(attempt)
    return Tried(attempt=attempt, retry_after_s=ended.retry_after_s)


def attempt_folder(parts: Parts, key: RunKey, number: int) -> Path:
    """Where the artefacts of an attempt lie."""
    return parts.store.folder / key.label / f"attempt_{number:02d}"


async def _run_agent(key: RunKey, number: int, slot: Slot, parts: Parts, sitting: Sitting) -> Ended:
    case, setup = parts.plan.case(key.case_id), parts.setup(key)
    folder = attempt_folder(parts, key, number) / "agent"
    folder.mkdir(parents=True, exist_ok=True)
    prompt_file = folder / "prompt.md"
    prompt_file.write_text(case.prompt, encoding="utf-8")
    prepared = parts.prepared[case.id]
    await copy(prepared, slot.workspace)
    await apply_setup(setup, slot.workspace, prepared)
    plugins = slot.home / "plugins"
    write_plugins(setup.plugins, plugins)

    def request(session: Session) -> CliRequest:
        return replace(
            basic_request(session, slot, prompt_file, cli=parts.cli, model=parts.plan.conditions.model, parts=parts),
            setup=setup,
            plugins=plugins,
            max_cost_usd=case.max_cost_usd,
            reference=case.reference if parts.adapter.reads_reference else None,
        )

    ended = await run_session(
        request,
        adapter=parts.adapter,
        upstream=parts.upstream(key, "agent"),
        folder=folder,
        timeout_s=parts.plan.conditions.timeout_s or case.timeout_s,
        held=(slot.lock,),
        parts=parts,
        sitting=sitting,
    )
    return _if_delivered(ended, key, parts, sitting)


def _if_delivered(ended: Ended, key: RunKey, parts: Parts, sitting: Sitting) -> Ended:
    """An agent that worked without a part of its set-up has measured something else: no result."""
    faults = parts.adapter.undelivered(parts.setup(key), ended.result.report)
    if not faults or not ended.result.outcome.is_result:
        return ended
    sitting.undelivered.add(key.subtest_label)
    detail = f"The set-up did not reach the agent: {', '.join(faults)}."
    return replace(ended, result=replace(ended.result, outcome=Outcome.SANDBOX_FAILED, detail=detail))


def _record(
    key: RunKey, number: int, started_at: datetime, ended: Ended, workspace: Path | None, parts: Parts
) -> Attempt:
    return Attempt(
        key=key,
        number=number,
        started_at=started_at.isoformat(),
        duration_s=ended.finished.duration_s,
        outcome=ended.result.outcome,
        detail=ended.result.detail,
        exit_code=ended.finished.exit_code,
        signal=ended.finished.signal,
        spend=ended.spend,
        report=ended.result.report,
        setup_digest=parts.setup(key).digest,
        agent_version=parts.cli.version,
        workspace=None if workspace is None else str(workspace),
    )
