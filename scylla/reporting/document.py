"""The document that `report.json` holds and `--json` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.record import Verdict
from scylla.domain.score import ItemMark
from scylla.domain.usage import Spend, Tokens
from scylla.reporting.judges import judges_document
from scylla.stats.summary import GroupSummary, RunSummary, State, Summary

FORMAT_VERSION = 1


def report_document(meta: ExperimentMeta, summary: Summary, *, again: str) -> dict[str, Any]:
    """Everything the summary knows, as JSON values; units stand in the names, unknown is null, shares are 0..1."""
    return {
        "format_version": FORMAT_VERSION,
        "offline": meta.conditions.offline,
        "name": meta.name,
        "created_at": meta.created_at,
        "conditions": asdict(meta.conditions),
        "rejudging": None if meta.rejudging is None else asdict(meta.rejudging),
        "seed": meta.seed,
        "runs_per_subtest": meta.runs_per_subtest,
        "cases": [{"id": case.id, "name": case.name, "digest": case.digest} for case in meta.cases],
        "subtests": [asdict(subtest) for subtest in meta.subtests],
        "continue_with": again or None,
        "gaps": _waiting(summary, State.GAP),
        "unscored": _waiting(summary, State.UNSCORED),
        "totals": {
            "planned_runs": summary.totals.planned,
            "scored_runs": summary.totals.scored,
            "unscored_runs": summary.totals.unscored,
            "gaps": summary.totals.gaps,
            "agent": _spend(summary.totals.agent),
            "judge": _spend(summary.totals.judge),
            "wasted": _spend(summary.totals.wasted),
            "total_cost_usd": summary.totals.total_cost_usd,
            "known_cost_usd": summary.totals.known_cost_usd,
            "frontier_cost_of_pass_usd": summary.totals.frontier_cost_of_pass_usd,
            "cli_cost_difference_usd": summary.totals.cli_cost_difference_usd,
        },
        "winners": [{**asdict(winner), "label": winner.label} for winner in meta.winners],
        "comparisons": [{**asdict(entry), "is_shown": entry.is_shown} for entry in summary.comparisons],
        "judges": judges_document(summary.judges),
        "by_tier": [_group(group) for group in summary.tiers],
        "by_subtest": [_group(group) for group in summary.subtests],
        "runs": [_run(run) for run in summary.runs],
    }


def _waiting(summary: Summary, state: State) -> list[dict[str, str]]:
    return [{"run": run.key.label, "reason": run.reason} for run in summary.runs if run.state is state]


def _group(group: GroupSummary) -> dict[str, Any]:
    return {**asdict(group), "tokens": _tokens(group.tokens), "outcomes": dict(group.outcomes)}


def _run(run: RunSummary) -> dict[str, Any]:
    attempt, score = run.attempt, run.score
    return {
        "run": run.key.label,
        "case": run.key.case_id,
        "tier": run.key.tier,
        "subtest": run.key.subtest,
        "run_number": run.key.run_number,
        "state": run.state.value,
        "reason": run.reason,
        "score": None if score is None else score.score,
        "grade": None if score is None else score.grade,
        "passed": None if score is None else score.passed,
        "categories": {} if score is None else {category.name: category.score for category in score.categories},
        "items": {} if score is None else dict(score.points),
        "checks": [_check(mark) for mark in run.checks],
        "verdicts": [_verdict(verdict) for verdict in run.verdicts],
        "attempts": run.attempts,
        "outcome": None if attempt is None else attempt.outcome.value,
        "detail": None if attempt is None else attempt.detail,
        "exit_code": None if attempt is None else attempt.exit_code,
        "signal": None if attempt is None else attempt.signal,
        "agent": _spend(run.agent),
        "judge": _spend(run.judge),
        "wasted": _spend(run.wasted),
        "total_cost_usd": run.total_cost_usd,
        "cli_cost_usd": None if attempt is None else attempt.report.cost_usd,
        "cli_cost_difference_usd": run.cli_cost_difference_usd,
        "agent_duration_s": run.agent_s,
        "checks_duration_s": run.checks_s,
        "judge_duration_s": run.judge_s,
        "num_turns": None if attempt is None else attempt.report.num_turns,
        "model": None if attempt is None else attempt.report.model,
    }


def _check(mark: ItemMark) -> dict[str, Any]:
    return {
        "item_id": mark.item_id,
        "points": mark.points,
        "points_before": mark.points_before,
        "reason": mark.reason,
        "evidence": mark.evidence,
    }


def _judged(mark: ItemMark) -> dict[str, Any]:
    return {
        "item_id": mark.item_id,
        "points": mark.points,
        "reason": mark.reason,
        "evidence": mark.evidence,
        "evidence_found": mark.evidence_found,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "judge_number": verdict.judge_number,
        "call": verdict.call,
        "model": verdict.model,
        "is_valid": verdict.is_valid,
        "detail": verdict.detail,
        "reused_from": None if verdict.reused_from is None else verdict.reused_from.label,
        "evidence_missing": verdict.evidence_missing,
        "items": [_judged(mark) for mark in verdict.marks],
    }


def _spend(spend: Spend) -> dict[str, Any]:
    return {
        "cost_usd": spend.cost_usd,
        "requests": spend.requests,
        "estimated": spend.estimated,
        "tokens": _tokens(spend.tokens),
        "cache_efficiency": spend.tokens.cache_efficiency,
        "by_model": {entry.model: entry.cost_usd for entry in spend.by_model},
    }


def _tokens(tokens: Tokens) -> dict[str, int]:
    return {**asdict(tokens), "total_tokens": tokens.total_tokens}
