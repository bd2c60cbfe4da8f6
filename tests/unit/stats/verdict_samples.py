"""Experiments with several judges, from a table of marks."""

from dataclasses import replace

from stats_samples import attempt, meta, spend, verdict

from scylla.domain.record import Grading, RunRecord
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring
from scylla.domain.score import ItemMark, score_run

RUBRIC = Rubric(
    categories=(
        Category(
            name="c",
            weight=0.5,
            items=(
                Item(id="checked", text="It runs", points=1.0, scoring=Scoring.BINARY, check=Check(run="true")),
                Item(id="clear", text="It is clear", points=2.0, scoring=Scoring.SCALED),
                Item(id="small", text="It is small", points=1.0, scoring=Scoring.SCALED, na_condition="no change"),
            ),
        ),
        Category(
            name="only checks",
            weight=0.5,
            items=(Item(id="tested", text="Tests", points=1.0, scoring=Scoring.BINARY, check=Check(run="true")),),
        ),
    ),
    pass_threshold=0.6,
    grade_scale=DEFAULT_GRADE_SCALE,
)
CHECKS = (
    ItemMark(item_id="checked", points=1.0, reason=""),
    ItemMark(item_id="tested", points=1.0, reason=""),
)


def judged_meta(*models, cases=("a",), subtests=("T0/00",)):
    of = meta(cases=cases, subtests=subtests)
    return replace(
        of,
        conditions=replace(of.conditions, judge_models=models),
        cases=tuple(replace(case, rubric=RUBRIC) for case in of.cases),
    )


def judged(of, models, marks, *, costs=None):
    """A run with one verdict for each of `models`; `marks` are (clear, small) as shares, None for no valid verdict."""
    verdicts = []
    for number, (model, given) in enumerate(zip(models, marks, strict=True), start=1):
        call = replace(verdict(of), judge_number=number, model=model, spend=spend((costs or {}).get(model, 0.5)))
        if given is None:
            verdicts.append(replace(call, is_valid=False, detail="no JSON"))
            continue
        clear, small = given
        items = (
            ItemMark(item_id="clear", points=2.0 * clear, reason="r"),
            ItemMark(item_id="small", points=small, reason="r"),
        )
        verdicts.append(replace(call, marks=items))
    valid = [call.marks for call in verdicts if call.is_valid]
    return RunRecord(
        key=of, attempts=(attempt(of),), grading=Grading(key=of, attempt=1, marks=CHECKS, duration_s=0.5),
        verdicts=tuple(verdicts), score=score_run(RUBRIC, checks=CHECKS, verdicts=valid) if valid else None,
    )  # fmt: skip
