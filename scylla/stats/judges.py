"""What is known of the judges of an experiment: how far they agree, where not, and how noisy they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from scylla.domain.experiment import CaseMeta, ExperimentMeta
from scylla.domain.record import RunRecord
from scylla.domain.rubric import Item
from scylla.domain.usage import Spend
from scylla.stats.agreement import (
    Alpha,
    Pair,
    Unit,
    clustered_alpha,
    deviations_from_others,
    krippendorff_alpha,
    pairs_of,
)
from scylla.stats.bootstrap import Estimate, mean_over_strata
from scylla.stats.noise import Noise, pooled_variance, split_noise
from scylla.stats.verdicts import (
    JudgedRun,
    asked,
    item_share,
    judge_models,
    judged_runs,
    judged_score,
    whole_score,
)

RELIABLE = 0.8
TENTATIVE = 0.667
"""Above RELIABLE conclusions may be drawn, below TENTATIVE none. K. Krippendorff, Content Analysis (2004), 241."""

_DIFFERENCE_WORTH_A_LINE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeSummary:
    """One judge model. `bias` is its judged score less the mean of the other judges' on the same run.

    `calls` are all that were paid for, `valid` those whose answer could be used. `repeat_sd` is the standard deviation
    between repeats of this model on the same run, None when it never marked one twice.
    """

    model: str
    calls: int
    valid: int
    runs: int
    spend: Spend
    mean_cost_per_run_usd: float | None
    bias: Estimate | None
    repeat_sd: float | None

    @property
    def validity_rate(self) -> float | None:
        """The share of usable answers; None before the first call."""
        return self.valid / self.calls if self.calls else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemAgreement:
    """One rubric item over the runs that two judges or more marked; shares of its points, 0..1.

    `spread` is the mean over runs of largest less smallest mark, `difference` the mean absolute difference between two
    judges. `split_runs` are those where some judges say that the item does not apply and others mark it.
    """

    case_id: str
    item_id: str
    text: str
    runs: int
    alpha: Alpha
    spread: float | None
    difference: float | None
    split_runs: int

    @property
    def needs_rewriting(self) -> bool:
        """True when judges differ by a tenth of the points or more and alpha does not speak for them."""
        is_unsettled = self.alpha.value is None or self.alpha.value < TENTATIVE
        often_split = self.runs > 0 and 4 * self.split_runs >= self.runs
        return often_split or (is_unsettled and (self.difference or 0.0) >= _DIFFERENCE_WORTH_A_LINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseAgreement:
    """The judges on one case; marks are scores over the items that judges decide."""

    case_id: str
    runs: int
    alpha: Alpha
    pairs: tuple[Pair, ...]
    items: tuple[ItemAgreement, ...]
    noise: Noise


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgesSummary:
    """All judges. `alpha` is over all cases, chance kept inside each; with one case it is that case's.

    `unknown` says in sentences what these records cannot show.
    """

    judges: tuple[JudgeSummary, ...]
    cases: tuple[CaseAgreement, ...]
    alpha: Alpha
    unknown: tuple[str, ...]

    @property
    def worst_items(self) -> tuple[ItemAgreement, ...]:
        """The items that need rewriting, the largest difference first."""
        found = [item for case in self.cases for item in case.items if item.needs_rewriting]
        return tuple(sorted(found, key=lambda item: (-(item.difference or 0.0), item.case_id, item.item_id)))


def summarise_judges(meta: ExperimentMeta, records: Sequence[RunRecord]) -> JudgesSummary:
    """The numbers of all judge calls; cases that leave nothing to judges are left out.

    A verdict that was reused for identical work counts once: repeated, it would make judges look surer than they are.
    """
    records = [replace(record, verdicts=asked(record.verdicts)) for record in records]
    models = judge_models(meta, records)
    judged = [(case, judged_runs(case.id, models, records)) for case in meta.cases if case.rubric.judge_items]
    units = [_units(case, runs) for case, runs in judged]
    cases = tuple(_case(case, runs, of, models) for (case, runs), of in zip(judged, units, strict=True))
    return JudgesSummary(
        judges=tuple(_judge(place, model, records, judged, units) for place, model in enumerate(models)),
        cases=cases,
        alpha=cases[0].alpha if len(cases) == 1 else clustered_alpha(units),
        unknown=tuple(_unknown(models, cases)),
    )


def _units(case: CaseMeta, runs: Sequence[JudgedRun]) -> list[Unit]:
    return [run.unit(lambda verdict: judged_score(case.rubric, verdict)) for run in runs]


def _case(case: CaseMeta, runs: Sequence[JudgedRun], units: Sequence[Unit], models: Sequence[str]) -> CaseAgreement:
    cells: dict[tuple[str, str], list[list[list[float]]]] = {}
    for run in runs:
        cells.setdefault((run.key.tier, run.key.subtest), []).append(_whole_scores(case, run))
    return CaseAgreement(
        case_id=case.id,
        runs=len(runs),
        alpha=clustered_alpha([units]),
        pairs=pairs_of(models, units),
        items=tuple(_item(case.id, item, runs) for item in case.rubric.judge_items),
        noise=split_noise(list(cells.values())),
    )


def _whole_scores(case: CaseMeta, run: JudgedRun) -> list[list[float]]:
    return [
        [score for verdict in repeats if (score := whole_score(case.rubric, run, verdict)) is not None]
        for repeats in run.verdicts
    ]


def _item(case_id: str, item: Item, runs: Sequence[JudgedRun]) -> ItemAgreement:
    compared = [run for run in runs if sum(map(bool, run.verdicts)) > 1]
    units = [run.unit(lambda verdict: item_share(item, verdict)) for run in compared]
    given = [[mark for mark in unit if mark is not None] for unit in units]
    marked = [marks for marks in given if len(marks) > 1]
    judges = [sum(map(bool, run.verdicts)) for run in compared]
    return ItemAgreement(
        case_id=case_id,
        item_id=item.id,
        text=item.text,
        runs=len(compared),
        alpha=krippendorff_alpha(units),
        spread=fmean(max(marks) - min(marks) for marks in marked) if marked else None,
        difference=fmean(_mean_difference(marks) for marks in marked) if marked else None,
        split_runs=sum(0 < len(marks) < count for marks, count in zip(given, judges, strict=True)),
    )


def _mean_difference(marks: Sequence[float]) -> float:
    """The mean absolute difference of all pairs."""
    differences = [abs(a - b) for index, a in enumerate(marks) for b in marks[:index]]
    return fmean(differences)


def _judge(
    place: int,
    model: str,
    records: Sequence[RunRecord],
    judged: Sequence[tuple[CaseMeta, Sequence[JudgedRun]]],
    units: Sequence[Sequence[Unit]],
) -> JudgeSummary:
    calls = [verdict for record in records for verdict in record.verdicts if verdict.model == model]
    spend = sum((verdict.spend for verdict in calls), Spend())
    runs = sum(bool(run.verdicts[place]) for _, of in judged for run in of)
    repeats = [_whole_scores(case, run)[place] for case, of in judged for run in of]
    repeat_variance, _ = pooled_variance(repeats)
    return JudgeSummary(
        model=model,
        calls=len(calls),
        valid=sum(verdict.is_valid for verdict in calls),
        runs=runs,
        spend=spend,
        mean_cost_per_run_usd=spend.cost_usd / runs if spend.cost_usd is not None and runs else None,
        bias=mean_over_strata([deviations_from_others(of, place) for of in units]),
        repeat_sd=None if repeat_variance is None else math.sqrt(repeat_variance),
    )


def _unknown(models: Sequence[str], cases: Sequence[CaseAgreement]) -> list[str]:
    if not cases:
        return ["No item was left for judges: checks decided everything."]
    sentences = []
    if len(models) == 1:
        sentences.append(
            "One judge marked everything, so whether another would agree cannot be known: neither agreement nor bias, "
            "nor which rubric lines are read in two ways. `scylla rejudge DIR --judge-model …` asks others."
        )
    if all(case.noise.judge_sd is None for case in cases):
        sentences.append(
            "No run was judged twice, so how much of the spread between runs is the judge's own noise cannot be known. "
            "`scylla rejudge DIR --repeat 3` measures it."
        )
    return sentences
