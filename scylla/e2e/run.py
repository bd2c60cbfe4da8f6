"""One run: agent, changes, checks, judges, score. Every step is recorded before the next one starts."""

from __future__ import annotations

import anyio

from scylla.domain.outcome import Outcome
from scylla.domain.plan import RunKey
from scylla.domain.record import RunRecord
from scylla.domain.score import score_run
from scylla.e2e.agent import attempt_run
from scylla.e2e.grading import grade_changes, remove_final_workspace
from scylla.e2e.judging import Answer, Asked, missing_judges, prepare_question, reuse_verdict, seek_verdict
from scylla.e2e.parts import Parts
from scylla.e2e.sitting import Sitting


async def carry_out(key: RunKey, parts: Parts, sitting: Sitting) -> None:
    """Do whatever the records say is missing of a run. The caller holds a place among the agents for `key`."""
    try:
        await _make_result(key, parts, sitting)
    finally:
        sitting.agents.release_on_behalf_of(key)
    record = parts.store.record(key)
    if record.result is not None and record.score is None:
        await _grade(record, parts, sitting)
    parts.progress.run_ended(parts.store.record(key))


async def _make_result(key: RunKey, parts: Parts, sitting: Sitting) -> None:
    for tries in range(1, parts.limits.attempts + 1):
        if sitting.is_over or parts.store.record(key).result is not None:
            return
        tried = await attempt_run(key, parts, sitting)
        if tried.attempt.outcome is Outcome.AUTH_FAILED:
            sitting.stopped = tried.attempt.detail
        if not tried.attempt.outcome.is_worth_retrying or tries == parts.limits.attempts:
            return
        if key.subtest_label in sitting.undelivered:
            return
        await sitting.pause(key, parts, tries=tries, reason=tried.attempt.detail, retry_after_s=tried.retry_after_s)


async def _grade(record: RunRecord, parts: Parts, sitting: Sitting) -> None:
    if record.grading is None:
        await grade_changes(record, parts, sitting)
    record = parts.store.record(record.key)
    if record.grading is None:
        return
    async with anyio.create_task_group() as judges:
        for judge_number, model in missing_judges(record, parts.plan):
            judges.start_soon(_judge, record, judge_number, model, parts, sitting)
    await _score(parts.store.record(record.key), parts)


async def _judge(record: RunRecord, judge_number: int, model: str, parts: Parts, sitting: Sitting) -> None:
    asked = await prepare_question(record, judge_number, model, parts)
    if not parts.plan.conditions.reuse_verdicts:
        await _ask(asked, parts, sitting)
        return
    async with sitting.known.turn(asked.digest):
        known = sitting.known.find(asked.digest)
        if known is not None:
            reuse_verdict(asked, known, parts)
        elif (answer := await _ask(asked, parts, sitting)) is not None:
            sitting.known.learn(answer.verdict)


async def _ask(asked: Asked, parts: Parts, sitting: Sitting) -> Answer | None:
    """The last answer of a judge, which is asked once more when its first one could not be used."""
    async with sitting.judges:
        answer = await _ask_patiently(asked, parts, sitting, advice="")
        if answer is not None and answer.advice:
            answer = await _ask_patiently(asked, parts, sitting, advice=answer.advice)
    return answer


async def _ask_patiently(asked: Asked, parts: Parts, sitting: Sitting, *, advice: str) -> Answer | None:
    answer = None
    for tries in range(1, parts.limits.attempts + 1):
        if sitting.is_over:
            break
        answer = await seek_verdict(asked, parts, sitting, advice=advice)
        if answer.outcome is Outcome.AUTH_FAILED:
            sitting.stopped = answer.verdict.detail
        if not answer.outcome.is_worth_retrying or tries == parts.limits.attempts:
            break
        await sitting.pause(
            asked.attempt.key, parts, tries=tries, reason=answer.verdict.detail, retry_after_s=answer.retry_after_s
        )
    return answer


async def _score(record: RunRecord, parts: Parts) -> None:
    if record.grading is None or missing_judges(record, parts.plan):
        return
    rubric = parts.plan.case(record.key.case_id).rubric
    score = score_run(
        # Where no judge was asked for, checks alone decide.
        rubric if parts.plan.conditions.judge_models else rubric.decided_by_checks,
        checks=record.grading.marks,
        verdicts=[verdict.marks for verdict in record.valid_verdicts],
    )
    if score is not None:
        parts.store.save_score(record.key, score)
        await remove_final_workspace(record, parts)
