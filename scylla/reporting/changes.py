"""What judging again has changed, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.score import Score
from scylla.reporting.judges import estimate_document, judges_document
from scylla.reporting.reports import OFFLINE_WARNING, rendered
from scylla.stats.rejudging import Changes, RunChange
from scylla.stats.summary import Summary
from scylla.store.files import write_whole

FORMAT_VERSION = 1


def write_changes(
    folder: Path, before: ExperimentMeta, after: ExperimentMeta, changes: Changes, summary: Summary
) -> tuple[Path, ...]:
    """Write `changes.md` and `changes.json` into the folder of a rejudging and return their paths."""
    text = rendered(
        "changes.md.j2",
        before=before,
        after=after,
        changes=changes,
        summary=summary,
        rewritten=rewritten_rubrics(before, after),
        offline_warning=OFFLINE_WARNING,
    )
    document = changes_document(folder, before, after, changes, summary)
    write_whole(folder / "changes.md", text)
    write_whole(folder / "changes.json", json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return folder / "changes.md", folder / "changes.json"


def rewritten_rubrics(before: ExperimentMeta, after: ExperimentMeta) -> tuple[str, ...]:
    """The cases that were graded by another rubric than before."""
    return tuple(case.id for case in after.cases if before.case(case.id).rubric != case.rubric)


def changes_document(
    folder: Path, before: ExperimentMeta, after: ExperimentMeta, changes: Changes, summary: Summary
) -> dict[str, Any]:
    """The changes as JSON values; unknown is null, scores and shares are 0..1."""
    rejudging = after.rejudging
    return {
        "format_version": FORMAT_VERSION,
        "offline": after.conditions.offline,
        "experiment": None if rejudging is None else rejudging.experiment,
        "folder": str(folder),
        "judges_before": list(before.conditions.judge_models),
        "judges_after": list(after.conditions.judge_models),
        "repeats": None if rejudging is None else rejudging.repeats,
        "judge_cli_version": None if rejudging is None else rejudging.cli_version,
        "rewritten_rubrics": list(rewritten_rubrics(before, after)),
        "runs_compared": changes.compared,
        "shift": estimate_document(changes.shift),
        "newly_passed": changes.newly_passed,
        "newly_failed": changes.newly_failed,
        "rank_correlation": changes.rank_correlation,
        "by_subtest": [asdict(change) for change in changes.subtests],
        "by_item": [asdict(change) for change in changes.items],
        "runs": [_run(run) for run in changes.runs],
        "cost_usd": summary.totals.judge.cost_usd,
        "judges": judges_document(summary.judges),
    }


def _run(run: RunChange) -> dict[str, Any]:
    return {
        "run": run.key.label,
        "before": _score(run.before),
        "after": _score(run.after),
        "difference": run.difference,
    }


def _score(score: Score | None) -> dict[str, Any] | None:
    if score is None:
        return None
    return {"score": score.score, "grade": score.grade, "passed": score.passed, "items": dict(score.points)}
