"""`--dry-run`: what would be run, in which order, and what history says it costs."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from rich.table import Table

from scylla.cli.console import open_console
from scylla.cli.output import money, print_json, say, span
from scylla.domain.plan import Plan
from scylla.domain.usage import add_costs
from scylla.store.matching import find_matching
from scylla.store.reading import read_experiment


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What the scored runs of the experiment that would be continued took on average."""

    folder: str
    runs: int
    runs_left: int
    mean_cost_usd: float | None
    mean_agent_s: float


def show_plan(plan: Plan, results_dir: Path, *, as_json: bool) -> None:
    """Print the plan: cells, runs, order, and an estimate where there is history."""
    history = _history(plan, results_dir)
    if as_json:
        print_json(_document(plan, history))
        return
    table = Table("case", "subtest", "name", "runs")
    counts = Counter((key.case_id, f"{key.tier}/{key.subtest}") for key in plan.order)
    for case in plan.cases:
        for subtest in plan.subtests:
            if runs := counts[case.id, subtest.label]:
                table.add_row(case.id, subtest.label, subtest.name, str(runs))
    open_console(sys.stdout).print(table)
    block = [key.label for key in plan.order if key.run_number == 1]
    say(f"{len(plan.order)} runs in {plan.runs_per_subtest} block(s) shuffled by seed {plan.seed}; the first: ")
    for label in block[:10]:
        say(f"  {label}")
    if len(block) > 10:
        say(f"  and {len(block) - 10} more")
    say(_estimate(plan, history))
    say("Nothing was started.")


def _estimate(plan: Plan, history: History | None) -> str:
    if history is None:
        return "Expected cost and time: unknown, since no run of this experiment has been scored yet."
    left = history.runs_left
    cost_usd = None if history.mean_cost_usd is None else history.mean_cost_usd * left
    kind = " (offline)" if plan.conditions.offline else ""
    agent_time = span(history.mean_agent_s * left)
    return (
        f"{left} runs left. Expected: {money(cost_usd)}{kind} and {agent_time} of agent time, "
        f"from {history.runs} scored run(s) in {history.folder}."
    )


def _history(plan: Plan, results_dir: Path) -> History | None:
    match = find_matching(results_dir, plan)
    if match.folder is None:
        return None
    _, records = read_experiment(match.folder)
    scored = [record for record in records if record.score is not None and record.result is not None]
    if not scored:
        return None
    costs = [add_costs((record.agent_spend.cost_usd, record.judge_spend.cost_usd)) for record in scored]
    known = [cost_usd for cost_usd in costs if cost_usd is not None]
    return History(
        folder=str(match.folder),
        runs=len(scored),
        runs_left=len(set(plan.order) - {record.key for record in scored}),
        mean_cost_usd=fmean(known) if len(known) == len(costs) else None,
        mean_agent_s=fmean(record.result.duration_s for record in scored if record.result is not None),
    )


def _document(plan: Plan, history: History | None) -> dict[str, object]:
    return {
        "name": plan.name,
        "conditions": asdict(plan.conditions),
        "runs_per_subtest": plan.runs_per_subtest,
        "seed": plan.seed,
        "cases": [case.id for case in plan.cases],
        "subtests": [{"label": subtest.label, "name": subtest.name} for subtest in plan.subtests],
        "runs": [key.label for key in plan.order],
        "history": None if history is None else asdict(history),
    }
