"""What the reports say of the judges."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from scylla.stats.agreement import Alpha
from scylla.stats.bootstrap import Estimate, Resampled
from scylla.stats.judges import CaseAgreement, ItemAgreement, JudgesSummary, JudgeSummary


def judges_document(judges: JudgesSummary) -> dict[str, Any]:
    """The judges as JSON values; scores, differences and biases are shares 0..1 of the score, unknown is null."""
    return {
        "alpha": alpha_document(judges.alpha),
        "by_judge": [_judge(judge) for judge in judges.judges],
        "by_case": [_case(case) for case in judges.cases],
        "items_to_rewrite": [_item(item) for item in judges.worst_items],
        "cannot_be_known": list(judges.unknown),
    }


def alpha_document(alpha: Alpha) -> dict[str, Any]:
    """Krippendorff's alpha with its interval, or why there is none."""
    return {
        "value": alpha.value,
        "undefined_because": alpha.reason or None,
        "interval": None if alpha.interval is None else interval_document(alpha.interval),
        "units": alpha.units,
        "marks": alpha.marks,
    }


def interval_document(interval: Resampled) -> dict[str, Any]:
    """An interval with how it was made."""
    bounds = interval.interval
    return {
        "low": None if bounds is None else bounds.low,
        "high": None if bounds is None else bounds.high,
        "missing_because": interval.reason or None,
        "units": interval.units,
        "resamples": interval.resamples,
        "seed": interval.seed,
    }


def estimate_document(estimate: Estimate | None) -> dict[str, Any] | None:
    """A mean with its interval."""
    if estimate is None:
        return None
    return {"value": estimate.value, "n": estimate.units, "interval": interval_document(estimate.interval)}


def _judge(judge: JudgeSummary) -> dict[str, Any]:
    return {
        "model": judge.model,
        "calls": judge.calls,
        "valid": judge.valid,
        "validity_rate": judge.validity_rate,
        "runs": judge.runs,
        "cost_usd": judge.spend.cost_usd,
        "mean_cost_per_run_usd": judge.mean_cost_per_run_usd,
        "bias": estimate_document(judge.bias),
        "repeat_sd": judge.repeat_sd,
    }


def _case(case: CaseAgreement) -> dict[str, Any]:
    return {
        "case": case.case_id,
        "runs": case.runs,
        "alpha": alpha_document(case.alpha),
        "pairs": [asdict(pair) for pair in case.pairs],
        "items": [_item(item) for item in case.items],
        "noise": asdict(case.noise),
    }


def _item(item: ItemAgreement) -> dict[str, Any]:
    return {
        "case": item.case_id,
        "item": item.item_id,
        "runs": item.runs,
        "alpha": item.alpha.value,
        "undefined_because": item.alpha.reason or None,
        "spread": item.spread,
        "mean_absolute_difference": item.difference,
        "split_runs": item.split_runs,
        "needs_rewriting": item.needs_rewriting,
    }


def alpha_text(alpha: Alpha) -> str:
    """The value with its interval, or why there is none."""
    if alpha.value is None:
        return alpha.reason
    return f"{alpha.value:.2f}{_bounds(alpha.interval)}"


def estimate_text(estimate: Estimate | None) -> str:
    """A signed mean with its interval; `-` when there is none."""
    return "-" if estimate is None else f"{estimate.value:+.2f}{_bounds(estimate.interval)}"


def error_text(estimate: Estimate | None) -> str:
    """A mean that cannot be negative with its interval; `-` when there is none."""
    return "-" if estimate is None else f"{estimate.value:.2f}{_bounds(estimate.interval)}"


def _bounds(interval: Resampled | None) -> str:
    if interval is None or interval.interval is None:
        return ""
    return f" ({interval.interval.low:.2f} to {interval.interval.high:.2f})"
