"""Finished runs of one experiment as an experiment of its own, in which only judges work."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scylla.domain.case import Case, Source, SourceKind
from scylla.domain.experiment import CaseMeta, ExperimentMeta, Rejudging
from scylla.domain.plan import Plan, RunKey
from scylla.domain.record import Grading, RunRecord
from scylla.domain.rubric import Item, Rubric
from scylla.domain.score import ItemMark
from scylla.domain.tier import Setup, Subtest
from scylla.store.reading import DATABASE, read_experiment_meta
from scylla.store.store import Store

REJUDGED = "rejudged"
_MATERIAL = ("changes.patch", "evidence")
_CRITERIA = re.compile(r"^# What a good solution looks like\n\n(.*?)\n\n# Items to decide\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """How runs are to be judged. `judge_models` names each judge once; `rubrics` replaces those of some cases."""

    judge_models: tuple[str, ...]
    repeats: int
    rubrics: Mapping[str, Rubric]
    instructions: str
    offline: bool
    cli_version: str


def describe_rejudging(meta: ExperimentMeta, experiment: Path, wanted: Wanted, *, created_at: str) -> ExperimentMeta:
    """The description of the experiment in which runs of `experiment` are judged as wanted.

    Repeats of the judges come one round after the other, so that no judge is always asked first.
    """
    return replace(
        meta,
        created_at=created_at,
        conditions=replace(
            meta.conditions,
            judge_models=wanted.judge_models * wanted.repeats,
            offline=wanted.offline,
            # Who asks several times wants to know how a judge varies: a reused verdict would hide it.
            reuse_verdicts=meta.conditions.reuse_verdicts and wanted.repeats == 1,
        ),
        cases=tuple(replace(case, rubric=wanted.rubrics.get(case.id, case.rubric)) for case in meta.cases),
        rejudging=Rejudging(
            experiment=experiment.resolve().name,
            repeats=wanted.repeats,
            cli_version=wanted.cli_version,
            instructions_digest=hashlib.sha256(wanted.instructions.encode()).hexdigest(),
        ),
    )


def find_rejudging(experiment: Path, described: ExperimentMeta) -> Path | None:
    """The newest rejudging of the experiment under the same conditions, None when there is none yet."""
    folders = sorted((path.parent for path in (experiment / REJUDGED).glob(f"*/{DATABASE}")), reverse=True)
    return next((folder for folder in folders if _is_same(read_experiment_meta(folder), described)), None)


def _is_same(known: ExperimentMeta, described: ExperimentMeta) -> bool:
    return (
        known.rejudging == described.rejudging
        and known.conditions == described.conditions
        and {case.id: case.rubric for case in known.cases} == {case.id: case.rubric for case in described.cases}
    )


def material_of(experiment: Path, record: RunRecord) -> Path | None:
    """The folder with what judges need of a run; None without a graded result or the very patch that was graded."""
    attempt = record.result
    if attempt is None or record.grading is None:
        return None
    folder = experiment / record.key.label / f"attempt_{attempt.number:02d}"
    try:
        patch = (folder / "changes.patch").read_bytes()
    except OSError:
        return None
    graded = record.grading.patch_digest
    return folder if graded in (None, hashlib.sha256(patch).hexdigest()) else None


def adopt_runs(
    store: Store, meta: ExperimentMeta, *, original: ExperimentMeta, experiment: Path, records: Sequence[RunRecord]
) -> None:
    """Bring runs of `experiment` with their material into `store`, without verdicts; known ones stay as they are.

    Marks of checks are taken over for the items of the rubric in `meta`, as shares of what it gives for them.
    """
    known = {record.key for record in store.records() if record.grading is not None}
    added = []
    for record in records:
        source = material_of(experiment, record)
        if record.key in known or source is None or record.grading is None:
            continue
        target = store.folder / record.key.label / source.name
        for name in _MATERIAL:
            _copy(source / name, target / name)
        case_id = record.key.case_id
        grading = _with_marks_for(meta.case(case_id).rubric, original.case(case_id).rubric, record.grading)
        added.append(replace(record, grading=grading))
    store.adopt(meta, added)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    elif source.is_file():
        shutil.copyfile(source, target)


def undecided_checks(rubric: Rubric, original: Rubric) -> tuple[Item, ...]:
    """The checks of `rubric` that were not run for `original`: no judge can decide them, and no workspace is left."""
    run = {item.id: (item.check, item.scoring) for item in original.check_items}
    return tuple(item for item in rubric.check_items if run.get(item.id) != (item.check, item.scoring))


def _with_marks_for(rubric: Rubric, original: Rubric, grading: Grading) -> Grading:
    marks = {mark.item_id: mark for mark in grading.marks}
    points = {item.id: item.points for item in original.items}
    wanted = [item for item in rubric.check_items if item.id in marks]
    return replace(grading, marks=tuple(_scaled(marks[item.id], item.points, points[item.id]) for item in wanted))


def _scaled(mark: ItemMark, points: float, originally: float) -> ItemMark:
    if mark.points is None or points == originally:
        return mark
    return replace(mark, points=mark.points / originally * points)


def plan_rejudging(meta: ExperimentMeta, cases: Sequence[Case], keys: Sequence[RunKey]) -> Plan:
    """The plan whose runs all have a result already."""
    return Plan(
        name=meta.name,
        conditions=meta.conditions,
        cases=tuple(cases),
        subtests=tuple(
            Subtest(tier=subtest.tier, id=subtest.id, name=subtest.name, description="", setup=Setup())
            for subtest in meta.subtests
        ),
        runs_per_subtest=meta.runs_per_subtest,
        seed=meta.seed,
        order=tuple(keys),
    )


def case_to_judge(case: CaseMeta, folders: Iterable[Path], *, offline_file: Path | None) -> Case:
    """The case as far as judges need it.

    `folders` are those of its attempts: experiments that did not keep prompt and criteria have them there, in the
    agent's prompt and in what an earlier judge was asked.
    """
    folders = list(folders)
    prompt, criteria = case.prompt, case.criteria
    if prompt is None:
        prompt = next(filter(None, (_text(folder / "agent" / "prompt.md") for folder in folders)), "")
    if criteria is None:
        asked = (_text(path) for folder in folders for path in sorted(folder.glob("judge_*/prompt.md")))
        criteria = next((found[1] for text in asked if (found := _CRITERIA.search(text))), "")
    return Case(
        id=case.id,
        name=case.name,
        description=case.description,
        language=case.language,
        folder=Path(),
        source=Source(kind=SourceKind.FOLDER, location="", commit=None),
        prompt=prompt,
        criteria=criteria,
        rubric=case.rubric,
        timeout_s=0.0,
        max_cost_usd=None,
        tiers=(),
        tags=(),
        offline_file=offline_file,
        digest=case.digest,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
