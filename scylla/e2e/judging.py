"""One judge's verdict on one run."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread

from scylla.adapters.cli import CliRequest
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Plan
from scylla.domain.record import Attempt, Grading, JudgeCall, RunRecord, Verdict
from scylla.domain.rubric import Item
from scylla.domain.tier import Setup, SystemPrompt
from scylla.domain.usage import Spend
from scylla.e2e.agent import attempt_folder
from scylla.e2e.parts import Parts
from scylla.e2e.session import Ended, basic_request, run_session
from scylla.e2e.sitting import Sitting
from scylla.gateway.gateway import Session
from scylla.judge.evidence import look_up
from scylla.judge.names import without_names
from scylla.judge.prompt import Question, Work, ask_about, ask_again, verdict_schema
from scylla.judge.verdict import Reading, read_verdict
from scylla.workspace.slots import Slot

_PATCH_LIMIT_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question about the result of a run for one of the judges.

    `digest` is equal exactly when the same judge is asked the same; judges of one model are not the same judge, since
    they are there to show how far a model agrees with itself.
    """

    attempt: Attempt
    judge_number: int
    model: str
    items: tuple[Item, ...]
    question: Question
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A recorded verdict, how the judge's process ended, and how long the provider asked to wait.

    `advice` is for the same judge, when it answered and the answer could not be used.
    """

    verdict: Verdict
    outcome: Outcome
    retry_after_s: float | None
    advice: str


def missing_judges(record: RunRecord, plan: Plan) -> tuple[tuple[int, str], ...]:
    """Number and model of each judge that still owes the run a valid verdict."""
    if not plan.case(record.key.case_id).rubric.judge_items:
        return ()
    have = {verdict.judge_number for verdict in record.valid_verdicts}
    return tuple(
        (number, model) for number, model in enumerate(plan.conditions.judge_models, start=1) if number not in have
    )


async def prepare_question(record: RunRecord, judge_number: int, model: str, parts: Parts) -> Asked:
    """What a judge is to be asked about a graded run."""
    attempt, grading = record.result, record.grading
    assert attempt is not None
    assert grading is not None
    case = parts.plan.case(record.key.case_id)
    question = await anyio.to_thread.run_sync(lambda: ask_about(case, _work(attempt, grading, parts)))
    asked = (
        judge_number, model, parts.judge_adapter.name, parts.judge_cli.version, parts.judge_instructions,
        verdict_schema(case.rubric.judge_items), question.prompt,
    )  # fmt: skip
    return Asked(
        attempt=attempt,
        judge_number=judge_number,
        model=model,
        items=case.rubric.judge_items,
        question=question,
        digest=hashlib.sha256(json.dumps(asked).encode()).hexdigest(),
    )


async def seek_verdict(asked: Asked, parts: Parts, sitting: Sitting, *, advice: str = "") -> Answer:
    """Ask one judge once. The call is claimed before it starts and recorded whatever comes of it."""
    claimed = _claim(asked, parts)
    parts.progress.judge_started(claimed.key, asked.model)
    folder = judge_folder(parts, asked.attempt, asked.judge_number, claimed.call)
    folder.mkdir(parents=True, exist_ok=True)
    prompt_file = folder / "prompt.md"
    prompt = ask_again(asked.question.prompt, advice) if advice else asked.question.prompt
    prompt_file.write_text(prompt, encoding="utf-8", errors="replace")
    with parts.judge_slots.take() as slot:
        ended = await _run_judge(asked, prompt_file, slot, parts, sitting)
    reading = _read(ended, asked)
    verdict = replace(
        claimed,
        is_valid=not reading.problem,
        detail=reading.problem,
        marks=look_up(reading.marks, asked.question),
        duration_s=ended.finished.duration_s,
        spend=ended.spend,
        cli_cost_usd=ended.result.report.cost_usd,
    )
    parts.store.save_verdict(verdict)
    parts.progress.judge_ended(verdict)
    return Answer(
        verdict=verdict,
        outcome=ended.result.outcome,
        retry_after_s=ended.retry_after_s,
        advice=reading.advice,
    )


def reuse_verdict(asked: Asked, known: Verdict, parts: Parts) -> None:
    """Record a verdict on the same question as that of this run; no judge is started and nothing is paid."""
    source = JudgeCall(key=known.key, judge_number=known.judge_number, call=known.call)
    verdict = replace(_claim(asked, parts), is_valid=True, marks=known.marks, reused_from=source)
    parts.store.save_verdict(verdict)
    parts.progress.judge_ended(verdict)


def judge_folder(parts: Parts, attempt: Attempt, judge_number: int, call: int) -> Path:
    """Where the artefacts of a judge call lie."""
    return attempt_folder(parts, attempt.key, attempt.number) / f"judge_{judge_number:02d}_call_{call:02d}"


def _claim(asked: Asked, parts: Parts) -> Verdict:
    """The verdict of a new call before anything is known of it."""
    key, attempt, started_at = asked.attempt.key, asked.attempt.number, parts.now().isoformat()
    call = parts.store.claim_judge_call(
        key, attempt=attempt, judge_number=asked.judge_number, model=asked.model, started_at=started_at
    )
    return Verdict(
        key=key,
        attempt=attempt,
        judge_number=asked.judge_number,
        call=call,
        model=asked.model,
        is_valid=False,
        detail="",
        marks=(),
        started_at=started_at,
        duration_s=0.0,
        spend=Spend(),
        question_digest=asked.digest,
    )


def _work(attempt: Attempt, grading: Grading, parts: Parts) -> Work:
    """The material, without what differs between runs and is not the work: folders of ours, names of models."""
    with (attempt_folder(parts, attempt.key, attempt.number) / "changes.patch").open("rb") as file:
        patch, is_cut = file.read(_PATCH_LIMIT_BYTES), bool(file.read(1))
    own = re.compile(rf"(?:{re.escape(str(parts.scratch))}|{re.escape(str(parts.agent_slots.root))})/[^/\s]+/")
    names = (parts.plan.conditions.model, attempt.report.model or "", parts.adapter.name)
    case = parts.plan.case(attempt.key.case_id)
    return Work(
        patch=patch.decode(errors="replace"),
        patch_is_cut=is_cut,
        files=grading.files_changed,
        notes=grading.notes,
        checks=[
            replace(mark, reason=own.sub("/", mark.reason), evidence=own.sub("/", mark.evidence))
            for mark in grading.marks
        ],
        closing_text=without_names(
            own.sub("/", attempt.report.result_text or ""), names=names, unless_in=f"{case.prompt}\n{case.criteria}"
        ),
    )


async def _run_judge(asked: Asked, prompt_file: Path, slot: Slot, parts: Parts, sitting: Sitting) -> Ended:
    slot.workspace.mkdir(exist_ok=True)

    def request(session: Session) -> CliRequest:
        return replace(
            basic_request(session, slot, prompt_file, cli=parts.judge_cli, model=asked.model, parts=parts),
            setup=Setup(system_prompt=SystemPrompt.CUSTOM, system_prompt_text=parts.judge_instructions, tools=()),
            answer_schema=verdict_schema(asked.items),
        )

    return await run_session(
        request,
        adapter=parts.judge_adapter,
        upstream=parts.upstream(asked.attempt.key, "judge"),
        folder=prompt_file.parent,
        timeout_s=parts.limits.judge_timeout_s,
        held=(slot.lock,),
        parts=parts,
        sitting=sitting,
    )


def _read(ended: Ended, asked: Asked) -> Reading:
    if ended.result.outcome is Outcome.FINISHED:
        return read_verdict(ended.result.report.structured_output, asked.items)
    return Reading(problem=ended.result.detail or f"the judge ended as {ended.result.outcome.value}")
