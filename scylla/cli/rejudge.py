"""`scylla rejudge`: finished runs graded again, in a folder of their own inside the experiment."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import anyio

from scylla.adapters.registry import ADAPTERS, judge_beside
from scylla.cli.credentials import require_lasting
from scylla.cli.output import command_again, say, stop_on_errors
from scylla.cli.rejudge_view import calls_to_make, show_calls, show_changes
from scylla.cli.scenarios import kept_scenario
from scylla.cli.sitting import Machine, find_machine, sit
from scylla.config.findings import Findings
from scylla.config.rubric import load_rubric
from scylla.config.yaml_file import read_text
from scylla.domain.experiment import ExperimentMeta
from scylla.domain.record import RunRecord
from scylla.domain.rubric import Rubric
from scylla.e2e.parts import Limits
from scylla.e2e.rejudging import (
    REJUDGED,
    Wanted,
    adopt_runs,
    case_to_judge,
    describe_rejudging,
    find_rejudging,
    material_of,
    plan_rejudging,
    undecided_checks,
)
from scylla.errors import EXIT_GAPS, EXIT_INTERRUPTED, EXIT_OK, UsageError
from scylla.judge.prompt import JUDGE_SYSTEM_PROMPT
from scylla.store.reading import DATABASE, read_experiment
from scylla.store.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """The experiment whose runs are judged again. `ready` are those that can be, in the order of planning."""

    folder: Path
    meta: ExperimentMeta
    records: tuple[RunRecord, ...]
    ready: tuple[RunRecord, ...]


def execute(arguments: argparse.Namespace) -> int:
    """Judge again and show what changed. 0 when every run has a score, 1 when some have none, 130 interrupted."""
    original = _original(arguments.folder)
    # What agents did offline is judged offline: real judges would be paid for scripted work.
    arguments.offline = arguments.offline or original.meta.conditions.offline
    arguments.agent = original.meta.conditions.agent
    if arguments.agent in ADAPTERS:
        arguments.agent = judge_beside(ADAPTERS[arguments.agent]).name
    if not (arguments.judge_model or original.meta.conditions.judge_models):
        raise UsageError("no judge has judged these runs", fix="name one with --judge-model")
    rubrics = _rubrics(arguments.rubric, original.meta)
    scenarios = _by_case(arguments.scenario, original.meta, "--scenario")
    instructions = _instructions(arguments.prompt)
    return anyio.run(_rejudge, arguments, original, rubrics, scenarios, instructions)


async def _rejudge(
    arguments: argparse.Namespace,
    original: Original,
    rubrics: Mapping[str, Rubric],
    scenarios: Mapping[str, Path],
    instructions: str,
) -> int:
    machine = await find_machine(arguments)
    wanted = Wanted(
        judge_models=tuple(dict.fromkeys(arguments.judge_model or original.meta.conditions.judge_models)),
        repeats=arguments.repeat,
        rubrics=rubrics,
        instructions=instructions,
        offline=machine.offline,
        cli_version=machine.cli.version,
    )
    created = datetime.now(timezone.utc)
    meta = describe_rejudging(original.meta, original.folder, wanted, created_at=created.isoformat())
    known = None if arguments.fresh else find_rejudging(original.folder, meta)
    calls = calls_to_make(meta, original.ready, () if known is None else read_experiment(known)[1])
    if arguments.dry_run:
        show_calls(calls, meta, (*original.records, *_rejudged(original.folder)), known, as_json=arguments.json)
        return EXIT_OK
    if machine.login is not None and not arguments.allow_expiry:
        longest_s = len(calls) * Limits().judge_timeout_s / arguments.parallel
        require_lasting(machine.login, created + timedelta(seconds=longest_s))
    again = command_again(arguments.argv)
    with _open_store(known, original, meta, created) as store:
        meta = replace(meta, created_at=store.meta().created_at)
        adopt_runs(store, meta, original=original.meta, experiment=original.folder, records=original.ready)
        _announce(machine, meta, store, len(calls), arguments)
        interrupted = await _judge(original, meta, scenarios, instructions, store, machine, arguments)
        missing = show_changes(
            store.folder, original.meta, original.records, as_json=arguments.json, quiet=arguments.quiet, again=again
        )
    if missing:
        say(f"{missing} run(s) have no new score. To continue:\n  {again}")
    if interrupted:
        say("Interrupted; every verdict so far is kept.")
        return EXIT_INTERRUPTED
    return EXIT_GAPS if missing else EXIT_OK


async def _judge(
    original: Original,
    meta: ExperimentMeta,
    scenarios: Mapping[str, Path],
    instructions: str,
    store: Store,
    machine: Machine,
    arguments: argparse.Namespace,
) -> bool:
    """Let the judges work, the same way as in `scylla run`; True when the person interrupted it."""
    ids = {record.key.case_id for record in original.ready}
    cases = [
        case_to_judge(
            case,
            [
                folder
                for record in original.ready
                if record.key.case_id == case.id and (folder := material_of(original.folder, record))
            ],
            offline_file=scenarios.get(case.id) or _kept(original.folder, case.id),
        )
        for case in meta.cases
        if case.id in ids
    ]
    for case in cases:
        if not case.criteria:
            say(f"  {case.id}: no criteria were kept, so judges see its rubric alone.")
    plan = plan_rejudging(meta, cases, store.planned())
    return await sit(plan, store, machine, arguments, candidates={}, judge_instructions=instructions)


def _rejudged(experiment: Path) -> list[RunRecord]:
    """The records of all its rejudgings so far."""
    folders = sorted(path.parent for path in (experiment / REJUDGED).glob(f"*/{DATABASE}"))
    return [record for folder in folders for record in read_experiment(folder)[1]]


def _kept(folder: Path, case_id: str) -> Path | None:
    kept = kept_scenario(folder, case_id)
    return kept if kept.is_file() else None


def _original(folder: Path) -> Original:
    meta, records = read_experiment(folder)
    if meta.rejudging is not None:
        raise UsageError(
            f"{folder} is a rejudging itself", fix=f"name its experiment: {folder.resolve().parents[1].name}"
        )
    graded = [record for record in records if record.grading is not None and record.result is not None]
    ready = tuple(record for record in graded if material_of(folder, record) is not None)
    if lost := len(graded) - len(ready):
        say(f"{lost} run(s) cannot be judged again: their changes.patch is gone or was altered.")
    if not ready:
        raise UsageError(f"{folder} has no run that could be judged again", fix="run the experiment first: scylla run")
    return Original(folder=folder, meta=meta, records=records, ready=ready)


def _rubrics(words: Sequence[str], meta: ExperimentMeta) -> Mapping[str, Rubric]:
    """The rubrics that take the place of those planned; every problem at once."""
    findings = Findings()
    rubrics = {}
    for case_id, path in _by_case(words, meta, "--rubric").items():
        rubric = load_rubric(path, findings)
        if rubric is None:
            continue
        rubrics[case_id] = rubric
        for item in undecided_checks(rubric, meta.case(case_id).rubric):
            findings.error(
                path,
                item.id,
                reason="its command was not run when the agents were done, and their workspaces are gone",
                fix="Leave `run` out, so that judges decide it, or start a new experiment",
            )
    stop_on_errors(findings.problems)
    for case in meta.cases:
        if len(meta.cases) == 1 and not rubrics.get(case.id, case.rubric).judge_items:
            raise UsageError(f"the rubric of {case.id} leaves nothing to judges", fix="give one with items for them")
    return rubrics


def _by_case(words: Sequence[str], meta: ExperimentMeta, argument: str) -> Mapping[str, Path]:
    """`CASE=FILE` or, in an experiment of one case, `FILE`."""
    ids = [case.id for case in meta.cases]
    files: dict[str, Path] = {}
    for word in words:
        case_id, is_named, path = word.partition("=")
        if is_named and case_id in ids:
            files[case_id] = Path(path)
        elif len(ids) == 1:
            files[ids[0]] = Path(word)
        else:
            raise UsageError(
                f"{argument} {word} names no case of this experiment",
                fix=f"write {argument} CASE=FILE; the cases are {', '.join(ids)}",
            )
    return files


def _instructions(path: Path | None) -> str:
    if path is None:
        return JUDGE_SYSTEM_PROMPT
    findings = Findings()
    text = read_text(path, findings, fix="Create it, or leave --prompt out")
    stop_on_errors(findings.problems)
    if text is None or not text.strip():
        raise UsageError(f"{path} is empty", fix="write what judges are to mind, or leave --prompt out")
    return text


def _open_store(known: Path | None, original: Original, meta: ExperimentMeta, created: datetime) -> Store:
    if known is not None:
        return Store.open(known)
    folder, number = original.folder / REJUDGED / f"{created:%Y%m%dT%H%M%SZ}", 1
    while folder.exists():
        number += 1
        folder = folder.with_name(f"{created:%Y%m%dT%H%M%SZ}-{number}")
    return Store.create_from(folder, meta, ())


def _announce(machine: Machine, meta: ExperimentMeta, store: Store, calls: int, arguments: argparse.Namespace) -> None:
    if machine.login is None:
        say("OFFLINE MODEL: no real judge is asked; the new scores say nothing.")
    if arguments.quiet:
        return
    if machine.login is not None:
        say(f"Live, paid by: {machine.login.source}")
    judges = ", ".join(dict.fromkeys(meta.conditions.judge_models))
    repeats = meta.rejudging.repeats if meta.rejudging is not None else 1
    say(f"{len(store.planned())} run(s), {judges}, {repeats} time(s) each: {calls} call(s) to make → {store.folder}")
