"""The verdicts of an experiment as tables of numbers: one line for each run, one place for each judge model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.plan import RunKey
from scylla.domain.record import RunRecord, Verdict
from scylla.domain.rubric import Item, Rubric
from scylla.domain.score import ItemMark, score_run


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedRun:
    """The valid verdicts of one run, by judge model as `judge_models` orders them; several of one model are repeats."""

    key: RunKey
    verdicts: tuple[tuple[Verdict, ...], ...]
    checks: tuple[ItemMark, ...]

    def unit(self, value_of: Callable[[Verdict], float | None]) -> tuple[float | None, ...]:
        """One value for each judge model: the mean over its repeats, None where there is none."""
        return tuple(_mean(value_of(verdict) for verdict in repeats) for repeats in self.verdicts)


def asked(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Those for which a judge was asked, without those reused from another call."""
    return tuple(verdict for verdict in verdicts if verdict.reused_from is None)


def judge_models(meta: ExperimentMeta, records: Sequence[RunRecord]) -> tuple[str, ...]:
    """Every judge model once, in the order in which they were asked for."""
    given = (verdict.model for record in records for verdict in record.verdicts)
    return tuple(dict.fromkeys((*meta.conditions.judge_models, *given)))


def judged_runs(case_id: str, models: Sequence[str], records: Sequence[RunRecord]) -> tuple[JudgedRun, ...]:
    """The runs of a case with at least one valid verdict, in the order of their keys."""
    found = []
    for record in sorted(records, key=lambda record: record.key):
        valid = record.valid_verdicts
        if record.key.case_id == case_id and valid:
            by_model = tuple(tuple(verdict for verdict in valid if verdict.model == model) for model in models)
            checks = () if record.grading is None else record.grading.marks
            found.append(JudgedRun(key=record.key, verdicts=by_model, checks=checks))
    return tuple(found)


def judged_part(rubric: Rubric) -> Rubric:
    """The rubric without its checks: what all judges agree on by construction must not make them look alike."""
    categories = (
        replace(category, items=tuple(item for item in category.items if item.check is None))
        for category in rubric.categories
    )
    return replace(rubric, categories=tuple(category for category in categories if category.items))


def judged_score(rubric: Rubric, verdict: Verdict) -> float | None:
    """The score that a judge's own marks make of the items left for judges, 0..1; None when nothing applies."""
    score = score_run(judged_part(rubric), checks=(), verdicts=[verdict.marks])
    return None if score is None else score.score


def whole_score(rubric: Rubric, run: JudgedRun, verdict: Verdict) -> float | None:
    """The score of the run as this judge alone would have it, checks included."""
    score = score_run(rubric, checks=run.checks, verdicts=[verdict.marks])
    return None if score is None else score.score


def item_share(item: Item, verdict: Verdict) -> float | None:
    """The share of the item's points that a judge gave, 0..1; None where it says that the item does not apply."""
    given = next((mark.points for mark in verdict.marks if mark.item_id == item.id), None)
    return None if given is None else given / item.points


def item_marks(item: Item, runs: Sequence[JudgedRun]) -> tuple[tuple[float, ...], ...]:
    """All marks of an item by judge model, as shares of its points."""
    by_model = zip(*(run.verdicts for run in runs), strict=True)
    return tuple(
        tuple(share for verdicts in runs_of for verdict in verdicts if (share := item_share(item, verdict)) is not None)
        for runs_of in by_model
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
