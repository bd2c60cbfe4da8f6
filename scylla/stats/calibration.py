"""Judges against people: bias, error and agreement, by judge and by item, and which judge is worth its money."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.human import HumanMark
from scylla.domain.plan import RunKey
from scylla.domain.record import RunRecord
from scylla.stats.agreement import Alpha, item_alpha, pearson
from scylla.stats.bootstrap import Estimate, mean_over_strata
from scylla.stats.judges import summarise_judges
from scylla.stats.verdicts import item_share, judge_models, judged_runs

FEWEST_RUNS = 10
"""Below that no judge is recommended: intervals from fewer runs are not to be believed."""

ALL_JUDGES = "all judges together"


@dataclass(frozen=True, kw_only=True, slots=True)
class Errors:
    """A judge against people, in shares of an item's points. People's mark is the mean over those who marked it.

    `bias` is judge less people, `mae` the mean absolute error, `rmse` the root of the mean squared one; each run counts
    once (the mean over its items), then each case. `alpha` takes people as the second judge, item by item. `pearson` is
    that of the runs' means around the mean of their case. `split` counts marks where judge and people do not agree
    whether the item applies; they are in none of the others. None: no mark of both.
    """

    judge: str
    marks: int
    runs: int
    bias: Estimate | None
    mae: Estimate | None
    rmse: Estimate | None
    alpha: Alpha
    pearson: float | None
    split: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemErrors:
    """The same for one item of a case."""

    case_id: str
    item_id: str
    text: str
    errors: Errors


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """What a judge's error costs. US dollars for a run; None where no cost is known."""

    errors: Errors
    cost_per_run_usd: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """All judges, and all of them together, against people.

    `people` is the agreement between raters, None with a single one. `recommended` is the cheapest judge whose error
    lies within the interval of the best one's; when it is None, `reason` says why none can be named.
    """

    judges: tuple[Worth, ...]
    items: tuple[ItemErrors, ...]
    raters: tuple[str, ...]
    people: Alpha | None
    recommended: str | None
    reason: str


Marks = Mapping[RunKey, Mapping[str, float | None]]


def calibrate(meta: ExperimentMeta, records: Sequence[RunRecord], human: Sequence[HumanMark]) -> Calibration:
    """The judges of the records against the marks of people."""
    models = judge_models(meta, records)
    people = _mean_marks(human)
    judges = _judge_marks(meta, records, models)
    if len(models) > 1:
        judges[ALL_JUDGES] = _together(list(judges.values()))
    known = [judge.mean_cost_per_run_usd for judge in summarise_judges(meta, records).judges]
    costs: dict[str, float | None] = dict(zip(models, known, strict=True))
    costs[ALL_JUDGES] = None if None in known else sum(cost for cost in known if cost is not None)
    worth = tuple(
        Worth(errors=_errors(judge, marks, people, meta, None), cost_per_run_usd=costs[judge])
        for judge, marks in judges.items()
    )
    recommended, reason = _recommend(worth)
    raters = tuple(dict.fromkeys(mark.rater for mark in human))
    return Calibration(
        judges=worth,
        items=tuple(
            ItemErrors(case_id=case_id, item_id=item_id, text=text, errors=_errors(judge, marks, people, meta, place))
            for place, text in _items(meta, people)
            for case_id, item_id in [place]
            for judge, marks in judges.items()
        ),
        raters=raters,
        people=_agreement_of_people(human, raters, meta) if len(raters) > 1 else None,
        recommended=recommended,
        reason=reason,
    )


def _mean_marks(human: Iterable[HumanMark]) -> Marks:
    """People's marks by run and item: the mean of those who gave one, None when more say that it does not apply."""
    given: dict[RunKey, dict[str, list[float | None]]] = {}
    for mark in human:
        given.setdefault(mark.key, {}).setdefault(mark.item_id, []).append(mark.share)
    return {key: {item: _consensus(shares) for item, shares in items.items()} for key, items in given.items()}


def _consensus(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return fmean(known) if known and 2 * len(known) >= len(shares) else None


def _judge_marks(meta: ExperimentMeta, records: Sequence[RunRecord], models: Sequence[str]) -> dict[str, Marks]:
    found: dict[str, dict[RunKey, dict[str, float | None]]] = {model: {} for model in models}
    for case in meta.cases:
        for run in judged_runs(case.id, models, records):
            for model, repeats in zip(models, run.verdicts, strict=True):
                if repeats:
                    found[model][run.key] = {
                        item.id: _consensus([item_share(item, verdict) for verdict in repeats])
                        for item in case.rubric.judge_items
                    }
    return dict(found)


def _together(judges: Sequence[Marks]) -> Marks:
    """The marks of all judges as one: what the score is made of. Runs that one of them did not mark are left out."""
    keys = [key for key in judges[0] if all(key in marks for marks in judges)]
    return {key: {item: _consensus([marks[key][item] for marks in judges]) for item in judges[0][key]} for key in keys}


def _items(meta: ExperimentMeta, people: Marks) -> list[tuple[tuple[str, str], str]]:
    marked = {(key.case_id, item) for key, items in people.items() for item in items}
    return [
        ((case.id, item.id), item.text)
        for case in meta.cases
        for item in case.rubric.judge_items
        if (case.id, item.id) in marked
    ]


def _errors(judge: str, marks: Marks, people: Marks, meta: ExperimentMeta, only: tuple[str, str] | None) -> Errors:
    """The errors of a judge over all items, or over one item of one case."""
    pairs: dict[str, list[dict[str, tuple[float, float]]]] = {case.id: [] for case in meta.cases}
    split = 0
    for key in sorted(people):
        run: dict[str, tuple[float, float]] = {}
        for item, theirs in people[key].items():
            if key not in marks or item not in marks[key] or only not in (None, (key.case_id, item)):
                continue
            own = marks[key][item]
            if own is None or theirs is None:
                split += own is not theirs
            else:
                run[item] = (own, theirs)
        if run:
            pairs[key.case_id].append(run)
    strata = list(pairs.values())

    def over_runs(value_of: Callable[[float, float], float], *, root: bool = False) -> Estimate | None:
        return mean_over_strata(
            [[fmean(value_of(*pair) for pair in run.values()) for run in runs] for runs in strata], root=root
        )

    return Errors(
        judge=judge,
        marks=sum(len(run) for runs in strata for run in runs),
        runs=sum(len(runs) for runs in strata),
        bias=over_runs(lambda own, theirs: own - theirs),
        mae=over_runs(lambda own, theirs: abs(own - theirs)),
        rmse=over_runs(lambda own, theirs: (own - theirs) ** 2, root=True),
        alpha=item_alpha(strata),
        pearson=_within_cases(strata),
        split=split,
    )


def _within_cases(strata: Sequence[Sequence[Mapping[str, tuple[float, float]]]]) -> float | None:
    """Pearson's correlation of the runs' means, each around the mean of its case: easy cases are no agreement."""
    own, theirs = [], []
    for runs in strata:
        if runs:
            means = [tuple(fmean(column) for column in zip(*run.values(), strict=True)) for run in runs]
            middle = [fmean(column) for column in zip(*means, strict=True)]
            own += [mean[0] - middle[0] for mean in means]
            theirs += [mean[1] - middle[1] for mean in means]
    return pearson(own, theirs)


def _agreement_of_people(human: Sequence[HumanMark], raters: Sequence[str], meta: ExperimentMeta) -> Alpha:
    runs: dict[RunKey, dict[str, dict[str, float | None]]] = {}
    for mark in human:
        runs.setdefault(mark.key, {}).setdefault(mark.item_id, {})[mark.rater] = mark.share
    return item_alpha(
        [
            [
                {item: [by_rater.get(rater) for rater in raters] for item, by_rater in items.items()}
                for key, items in sorted(runs.items())
                if key.case_id == case.id
            ]
            for case in meta.cases
        ]
    )


def _recommend(worth: Sequence[Worth]) -> tuple[str | None, str]:
    """The cheapest judge that is not worse than the best as far as the data can tell."""
    marked = [entry for entry in worth if entry.errors.mae is not None]
    if not marked:
        return None, "no run was marked by both a judge and a person"
    most = max(entry.errors.runs for entry in marked)
    marked = [entry for entry in marked if entry.errors.runs >= FEWEST_RUNS]
    if not marked:
        return None, f"the data are too thin: {most} run(s) marked by people, at least {FEWEST_RUNS} are needed"
    best = min(marked, key=_mae)
    interval = best.errors.mae.interval.interval if best.errors.mae is not None else None
    if interval is None:
        return None, "the best judge's error has no interval"
    unknown = [entry.errors.judge for entry in marked if entry.cost_per_run_usd is None]
    if unknown:
        return None, f"what a run costs is not known for {', '.join(unknown)}"
    near = [entry for entry in marked if _mae(entry) <= interval.high]
    cheapest = min(near, key=lambda entry: (entry.cost_per_run_usd or 0.0, _mae(entry)))
    return cheapest.errors.judge, (
        f"the cheapest whose error ({_mae(cheapest):.3f}) is within the interval of the best one's "
        f"({best.errors.judge}: {_mae(best):.3f}, {interval.low:.3f} to {interval.high:.3f})"
    )


def _mae(entry: Worth) -> float:
    return float("inf") if entry.errors.mae is None else entry.errors.mae.value
