"""`runs.csv`, `judges.csv` and `criteria.csv`, with the column names that existing notebooks read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.record import RunRecord, Verdict
from scylla.domain.rubric import Rubric
from scylla.domain.score import ItemMark, Score, grade_of, score_run
from scylla.stats.summary import RunSummary, Summary

RUN_COLUMNS = (
    "experiment", "agent_model", "tier", "subtest", "run_number", "score", "impl_rate", "passed", "grade", "cost_usd",
    "duration_seconds", "agent_duration_seconds", "judge_duration_seconds", "input_tokens", "output_tokens",
    "cache_creation_tokens", "cache_read_tokens", "total_tokens", "exit_code", "api_calls", "num_turns", "num_models",
    "delegation_cost_ratio", "r_prog", "strategic_drift", "cfp", "pr_revert_rate",
)  # fmt: skip
_KEYS = ("experiment", "agent_model", "tier", "subtest", "run_number")
JUDGE_COLUMNS = (
    *_KEYS, "judge_model", "judge_number", "judge_score", "judge_impl_rate", "judge_passed", "judge_grade",
    "judge_is_valid", "judge_reasoning",
)  # fmt: skip
CRITERIA_COLUMNS = (
    *_KEYS, "judge_model", "judge_number", "criterion", "criterion_score", "criterion_achieved", "criterion_max",
)  # fmt: skip

Row = Mapping[str, object]


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows as CSV; what a row does not know is an empty cell.

    Line breaks inside a cell become line feeds, because Python 3.11 writes a lone carriage return without quotes and
    readers then see the end of the row. NUL, which not every reader takes, is left out.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def _plain(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return value


def run_rows(meta: ExperimentMeta, records: Sequence[RunRecord], summary: Summary) -> list[Row]:
    """One row for each run with a result; costs are agent and judges together."""
    of_key = {record.key: record for record in records}
    return [_run_row(meta, run, of_key[run.key]) for run in summary.runs if run.attempt is not None]


def judge_rows(meta: ExperimentMeta, records: Sequence[RunRecord]) -> list[Row]:
    """One row for each judge call; `judge_score` is that of this judge with the checks, None when it is not valid."""
    rows: list[Row] = []
    for record in records:
        rubric = meta.case(record.key.case_id).rubric
        for verdict in record.verdicts:
            score = _score_of(verdict.marks, record, rubric) if verdict.is_valid else None
            rows.append(
                {
                    **_keys(meta, record.key.case_id, record),
                    "judge_model": verdict.model,
                    "judge_number": verdict.judge_number,
                    "judge_score": None if score is None else score.score,
                    "judge_impl_rate": None if score is None else _share(rubric, score),
                    "judge_passed": None if score is None else score.passed,
                    "judge_grade": None if score is None else grade_of(score.score, rubric.grade_scale),
                    "judge_is_valid": verdict.is_valid,
                    "judge_reasoning": _reasons(verdict),
                }
            )
    return rows


def criteria_rows(meta: ExperimentMeta, records: Sequence[RunRecord]) -> list[Row]:
    """One row for each item a check or a valid judge marked; checks have judge number 0 and the model `check`."""
    rows: list[Row] = []
    for record in records:
        items = {item.id: item for item in meta.case(record.key.case_id).rubric.items}
        sources = [("check", 0, record.grading.marks)] if record.grading is not None else []
        sources += [(verdict.model, verdict.judge_number, verdict.marks) for verdict in record.valid_verdicts]
        for model, number, marks in sources:
            for mark in marks:
                maximum = items[mark.item_id].points
                rows.append(
                    {
                        **_keys(meta, record.key.case_id, record),
                        "judge_model": model,
                        "judge_number": number,
                        "criterion": mark.item_id,
                        "criterion_score": None if mark.points is None else mark.points / maximum,
                        "criterion_achieved": mark.points,
                        "criterion_max": maximum,
                    }
                )
    return rows


def experiment_label(meta: ExperimentMeta, case_id: str) -> str:
    """What stands in the `experiment` column; offline rows say so."""
    return f"{case_id} (offline)" if meta.conditions.offline else case_id


def _run_row(meta: ExperimentMeta, run: RunSummary, record: RunRecord) -> Row:
    assert run.attempt is not None
    tokens, score = run.agent.tokens, run.score
    return {
        "experiment": experiment_label(meta, run.key.case_id),
        "agent_model": meta.conditions.model,
        "tier": run.key.tier,
        "subtest": run.key.subtest,
        "run_number": run.key.run_number,
        "score": None if score is None else score.score,
        "impl_rate": None if score is None else _impl_rate(record, meta.case(run.key.case_id).rubric),
        "passed": None if score is None else score.passed,
        "grade": None if score is None else score.grade,
        "cost_usd": run.total_cost_usd,
        "duration_seconds": sum(part or 0.0 for part in (run.agent_s, run.checks_s, run.judge_s)),
        "agent_duration_seconds": run.agent_s,
        "judge_duration_seconds": run.judge_s,
        "input_tokens": tokens.input_tokens,
        "output_tokens": tokens.output_tokens,
        "cache_creation_tokens": tokens.cache_creation_tokens,
        "cache_read_tokens": tokens.cache_read_tokens,
        "total_tokens": tokens.total_tokens,
        "exit_code": run.attempt.exit_code,
        "api_calls": run.agent.requests,
        "num_turns": run.attempt.report.num_turns,
        "num_models": len(run.agent.by_model),
    }


def _keys(meta: ExperimentMeta, case_id: str, record: RunRecord) -> Row:
    return {
        "experiment": experiment_label(meta, case_id),
        "agent_model": meta.conditions.model,
        "tier": record.key.tier,
        "subtest": record.key.subtest,
        "run_number": record.key.run_number,
    }


def _impl_rate(record: RunRecord, rubric: Rubric) -> float | None:
    """The median over the judges of the share of the points that each gave, checks included."""
    judged = [verdict.marks for verdict in record.valid_verdicts] or [()]
    scores = [_score_of(marks, record, rubric) for marks in judged]
    shares = [_share(rubric, score) for score in scores if score is not None]
    return median(shares) if shares else None


def _score_of(marks: Sequence[ItemMark], record: RunRecord, rubric: Rubric) -> Score | None:
    """The score of a run as one judge alone would have it."""
    checks = () if record.grading is None else record.grading.marks
    return score_run(rubric, checks=checks, verdicts=[marks])


def _share(rubric: Rubric, score: Score) -> float:
    """sum(achieved)/sum(points) over the items that apply; a score has at least one."""
    points = dict(score.points)
    applicable = [(item.points, value) for item in rubric.items if (value := points[item.id]) is not None]
    return sum(value for _, value in applicable) / sum(most for most, _ in applicable)


def _reasons(verdict: Verdict) -> str:
    if not verdict.is_valid:
        return verdict.detail
    return " ".join(f"{mark.item_id}: {mark.reason}" for mark in verdict.marks)
