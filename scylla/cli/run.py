"""`scylla run`: an experiment from its arguments to its reports."""

from __future__ import annotations

import argparse
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import anyio

from scylla.cli.anchors import default_judges, require_anchors, version_for
from scylla.cli.credentials import require_lasting
from scylla.cli.lineage import earlier_winners, require_parents
from scylla.cli.machine import (
    INSTALL_SERVERS,
    MANAGED,
    missing_servers,
    require_programs,
    search_path,
)
from scylla.cli.output import command_again, say
from scylla.cli.plan_view import View, show_plan
from scylla.cli.results import show_results
from scylla.cli.scenarios import keep_scenarios
from scylla.cli.selection import Selection, select
from scylla.cli.sitting import Machine, find_machine, sit
from scylla.domain.plan import Conditions, Plan, RunKey, make_plan
from scylla.domain.tier import OWN_TIER
from scylla.errors import EXIT_GAPS, EXIT_INTERRUPTED, EXIT_OK, MachineError
from scylla.gateway.prices import PriceTable
from scylla.store.matching import Match, find_matching
from scylla.store.reading import read_experiment
from scylla.store.store import Store


def execute(arguments: argparse.Namespace) -> int:
    """Plan, run or continue, report. 0 when every planned run has a score, 1 when some have none, 130 interrupted."""
    return anyio.run(run_selection, arguments, select(arguments))


async def run_selection(arguments: argparse.Namespace, selection: Selection) -> int:
    """Carry out what was selected; the exit code."""
    machine = await find_machine(arguments)
    require_anchors(arguments, selection.cases, machine.adapter)
    plan = _plan(arguments, selection, machine)
    match = find_matching(arguments.results_dir, plan)
    require_parents(plan, None if arguments.fresh else match.folder, arguments.argv)
    setups = [*(subtest.setup for subtest in plan.subtests), *selection.candidates.values()]
    if machine.adapter.program is None:
        setups = []  # there is nobody to use them
    lacking = missing_servers(setups, machine.servers, search_path(os.environ))
    if arguments.dry_run:
        continued = None if arguments.fresh else match.folder
        # Where single subtests or set-ups are named, fewer of them is not a matter of an option.
        chosen = bool(arguments.subtests) or any(subtest.tier == OWN_TIER for subtest in plan.subtests)
        view = View(results_dir=arguments.results_dir, experiment=continued, parallel=arguments.parallel, chosen=chosen)
        show_plan(plan, view, as_json=arguments.json)
        if lacking:
            say(f"Before it can be run: {INSTALL_SERVERS} ({', '.join(lacking)} are missing).")
        return EXIT_OK
    require_programs(plan.cases, os.environ)
    if lacking:
        raise MachineError(
            f"MCP servers are not installed: {', '.join(f'{name} ({program})' for name, program in lacking.items())}",
            fix=f"{INSTALL_SERVERS}; or leave their subtests out with --subtests",
        )
    if found := [path for path in MANAGED if path.exists()]:
        say(f"Mind that {', '.join(map(str, found))} of this machine reach every agent, beside its set-up.")
    if machine.login is not None and not arguments.allow_expiry:
        require_lasting(machine.login, _now() + _longest(plan, match, arguments))
    with _open_store(plan, match, arguments) as store:
        keep_scenarios(plan, store.folder)
        _announce(plan, store, machine, arguments)
        interrupted = await sit(plan, store, machine, arguments, candidates=selection.candidates)
        missing = show_results(
            store.folder, as_json=arguments.json, quiet=arguments.quiet, again=command_again(arguments.argv)
        )
    if interrupted:
        say("Interrupted; everything done so far is kept.")
        return EXIT_INTERRUPTED
    return EXIT_GAPS if missing else EXIT_OK


def _plan(arguments: argparse.Namespace, selection: Selection, machine: Machine) -> Plan:
    cases = selection.cases
    conditions = Conditions(
        agent=machine.adapter.name,
        agent_version=version_for(machine.adapter, machine.cli, cases),
        model=arguments.model or machine.adapter.default_model,
        judge_models=tuple(arguments.judge_model or default_judges(machine.adapter)),
        offline=machine.offline,
        timeout_s=arguments.timeout,
        reuse_verdicts=not arguments.no_reuse_verdicts,
        case_digests=tuple(sorted((case.id, case.digest) for case in cases)),
    )
    return make_plan(
        name=(cases[0].id if len(cases) == 1 else f"{len(cases)}-cases") + selection.kind,
        conditions=conditions,
        cases=cases,
        subtests=selection.subtests,
        runs_per_subtest=arguments.runs,
        seed=arguments.seed,
        winners=earlier_winners(arguments.winners_from, selection, conditions),
    )


def _longest(plan: Plan, match: Match, arguments: argparse.Namespace) -> timedelta:
    """How long the runs that are not scored yet can take at most, each up to its time limit."""
    scored: set[RunKey] = set()
    if match.folder is not None and not arguments.fresh:
        scored = {record.key for record in read_experiment(match.folder)[1] if record.score is not None}
    limits_s = [
        plan.conditions.timeout_s or plan.case(key.case_id).timeout_s for key in plan.order if key not in scored
    ]
    return timedelta(seconds=max(max(limits_s, default=0.0), sum(limits_s) / arguments.parallel))


def _open_store(plan: Plan, match: Match, arguments: argparse.Namespace) -> Store:
    """The experiment that this plan continues, or a new one."""
    if match.folder is not None and not arguments.fresh:
        store = Store.open(match.folder)
        store.extend(plan)
        return store
    if not arguments.fresh and match.differing and not arguments.quiet:
        near = match.differing[0]
        say(f"A new experiment, since {near.folder} differs: {'; '.join(near.differences)}")
    created = _now()
    folder = arguments.results_dir / f"{created:%Y%m%dT%H%M%SZ}-{plan.name}"
    return Store.create(_unused(folder), plan, created_at=created.isoformat())


def _unused(folder: Path) -> Path:
    number, candidate = 1, folder
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def _announce(plan: Plan, store: Store, machine: Machine, arguments: argparse.Namespace) -> None:
    if machine.offline:
        why = "" if arguments.offline else " because no login was found (scylla doctor says where it looked)"
        say(f"OFFLINE MODEL{why}: no real model is asked; scores and costs say nothing about any agent.")
        for case in plan.cases:
            if case.offline_file is None:
                say(f"  {case.id} has no offline.yaml, so its agent will only say so and change nothing.")
    if arguments.quiet:
        return
    if machine.login is not None:
        say(f"Live, paid by: {machine.login.source}")
        prices = PriceTable.load()
        for model in sorted({plan.conditions.model, *plan.conditions.judge_models}):
            if model.startswith("claude-") and not prices.knows(model):
                say(f"  no price is known for {model}; its cost will be shown as ?")
    say(
        f"{plan.name}: {len(plan.cases)} case(s) × {len(plan.subtests)} subtest(s) × {plan.runs_per_subtest} run(s)"
        f" = {len(plan.order)} runs, {machine.adapter.program or machine.adapter.name} {machine.cli.version}"
        f" → {store.folder}"
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)
