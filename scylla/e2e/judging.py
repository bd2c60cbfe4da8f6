"""One judge's verdict on one run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from scylla.adapters.cli import CliRequest
from scylla.domain.case import Case
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Plan, RunKey
from scylla.domain.record import Attempt, Grading, RunRecord, Verdict
from scylla.domain.tier import Setup, SystemPrompt
from scylla.e2e.agent import attempt_folder
from scylla.e2e.parts import Parts
from scylla.e2e.session import Ended, basic_request, run_session
from scylla.e2e.sitting import Sitting
from scylla.gateway.gateway import Session
from scylla.judge.prompt import judge_prompt, verdict_schema
from scylla.judge.verdict import Reading, read_verdict
from scylla.workspace.slots import Slot


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A recorded verdict, how the judge's process ended, and how long the provider asked to wait."""

    verdict: Verdict
    outcome: Outcome
    retry_after_s: float | None


def missing_judges(record: RunRecord, plan: Plan) -> tuple[tuple[int, str], ...]:
    """Number and model of each judge that still owes the run a valid verdict."""
    if not plan.case(record.key.case_id).rubric.judge_items:
        return ()
    have = {verdict.judge_number for verdict in record.valid_verdicts}
    return tuple(
        (number, model) for number, model in enumerate(plan.conditions.judge_models, start=1) if number not in have
    )


async def seek_verdict(record: RunRecord, judge_number: int, model: str, parts: Parts, sitting: Sitting) -> Answer:
    """Ask one judge once. The call is claimed before it starts and recorded whatever comes of it."""
    attempt, grading = record.result, record.grading
    assert attempt is not None
    assert grading is not None
    started_at = parts.now().isoformat()
    call = parts.store.claim_judge_call(
        record.key, attempt=attempt.number, judge_number=judge_number, model=model, started_at=started_at
    )
    parts.progress.judge_started(record.key, model)
    folder = judge_folder(parts, attempt, judge_number, call)
    folder.mkdir(parents=True, exist_ok=True)
    case = parts.plan.case(record.key.case_id)
    prompt_file = folder / "prompt.md"
    prompt_file.write_text(_prompt(case, attempt, grading, parts), encoding="utf-8", errors="replace")
    with parts.judge_slots.take() as slot:
        ended = await _run_judge(record.key, model, prompt_file, slot, parts, sitting)
    reading = _read(ended, case)
    verdict = Verdict(
        key=record.key,
        attempt=attempt.number,
        judge_number=judge_number,
        call=call,
        model=model,
        is_valid=not reading.problem,
        detail=reading.problem,
        marks=reading.marks,
        started_at=started_at,
        duration_s=ended.finished.duration_s,
        spend=ended.spend,
        cli_cost_usd=ended.result.report.cost_usd,
    )
    parts.store.save_verdict(verdict)
    parts.progress.judge_ended(verdict)
    return Answer(verdict=verdict, outcome=ended.result.outcome, retry_after_s=ended.retry_after_s)


def judge_folder(parts: Parts, attempt: Attempt, judge_number: int, call: int) -> Path:
    """Where the artefacts of a judge call lie."""
    return attempt_folder(parts, attempt.key, attempt.number) / f"judge_{judge_number:02d}_call_{call:02d}"


def _prompt(case: Case, attempt: Attempt, grading: Grading, parts: Parts) -> str:
    patch = attempt_folder(parts, attempt.key, attempt.number) / "changes.patch"
    return judge_prompt(
        case,
        patch=patch.read_text(encoding="utf-8", errors="replace"),
        files=grading.files_changed,
        checks=grading.marks,
        closing_text=attempt.report.result_text or "",
    )


async def _run_judge(key: RunKey, model: str, prompt_file: Path, slot: Slot, parts: Parts, sitting: Sitting) -> Ended:
    case = parts.plan.case(key.case_id)
    slot.workspace.mkdir(exist_ok=True)

    def request(session: Session) -> CliRequest:
        return replace(
            basic_request(session, slot, prompt_file, model=model, parts=parts),
            setup=Setup(system_prompt=SystemPrompt.CUSTOM, system_prompt_text=parts.judge_instructions, tools=()),
            answer_schema=verdict_schema(case.rubric.judge_items),
        )

    return await run_session(
        request,
        upstream=parts.upstream(key, "judge"),
        folder=prompt_file.parent,
        timeout_s=parts.limits.judge_timeout_s,
        held=(slot.lock,),
        parts=parts,
        sitting=sitting,
    )


def _read(ended: Ended, case: Case) -> Reading:
    if ended.result.outcome is not Outcome.FINISHED:
        return Reading(problem=ended.result.detail or f"the judge ended as {ended.result.outcome.value}")
    return read_verdict(ended.result.report.structured_output, case.rubric.judge_items)
