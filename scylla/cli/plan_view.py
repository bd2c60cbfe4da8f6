"""`--dry-run`: what would be run, what it is likely to cost and to take, and what a smaller design would cost."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from scylla.cli.console import open_console, plain
from scylla.cli.output import money, print_json, say, span
from scylla.domain.plan import Plan, RunKey, order_in_blocks
from scylla.domain.tier import Subtest
from scylla.domain.usage import add_costs
from scylla.errors import StoreError
from scylla.stats.forecast import Amount, Forecast, PastRun, forecast
from scylla.store.reading import DATABASE, read_experiment

_MOST_ROWS = 30
_FEW_SUBTESTS = 3
_FEW_RUNS = (3, 5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """A way to spend less: the words that ask for it, the runs it takes and its forecast."""

    words: str
    runs_per_subtest: int
    runs: int
    forecast: Forecast | None


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What the plan is looked at with. `experiment` is the folder that would be continued, None for a new one.

    `parallel` agents work at once. `chosen`: subtests or set-ups are named one by one.
    """

    results_dir: Path
    experiment: Path | None
    parallel: int
    chosen: bool


def show_plan(plan: Plan, view: View, *, as_json: bool) -> None:
    """Print the plan: cells, order, an estimate where there is history, and smaller designs."""
    past, experiments = _history(plan, view.results_dir)
    done = _scored(view.experiment)
    left = [key for key in plan.order if key not in done]
    expected = forecast(left, past)
    designs = _smaller(plan, past, chosen=view.chosen)
    if as_json:
        print_json(_document(plan, len(left), expected, experiments, designs))
        return
    open_console(sys.stdout).print(_table(plan))
    for line in _sentences(plan, view, len(left), expected, experiments):
        say(line)
    if designs:
        open_console(sys.stderr).print(_designs_table(designs))
    needs = {server.name: server.needs for subtest in plan.subtests for server in subtest.setup.mcp_servers}
    for name in sorted(name for name, need in needs.items() if need):
        say(f"Note: without {needs[name]} the tools of the MCP server {name} are offered, but of no use.")
    say("Nothing was started.")


def _table(plan: Plan) -> Table:
    """A row for each subtest, or for each tier when there are many."""
    counts = Counter((key.tier, key.subtest) for key in plan.order)
    if len(plan.subtests) <= _MOST_ROWS:
        table = Table("subtest", "name", "takes winners of", "runs")
        for subtest in plan.subtests:
            runs = counts[subtest.tier, subtest.id]
            table.add_row(subtest.label, plain(subtest.name), ", ".join(subtest.inherits), f"{runs:,}")
        return table
    table = Table("tier", "subtests", "take winners", "runs")
    for tier in sorted({subtest.tier for subtest in plan.subtests}):
        of = [subtest for subtest in plan.subtests if subtest.tier == tier]
        heirs = sum(bool(subtest.inherits) for subtest in of)
        table.add_row(tier, str(len(of)), str(heirs or ""), f"{sum(counts[tier, subtest.id] for subtest in of):,}")
    return table


def _sentences(plan: Plan, view: View, left: int, expected: Forecast | None, experiments: int) -> Sequence[str]:
    per_case = len(plan.order) / len(plan.cases)
    lines = [
        f"{len(plan.subtests)} subtests × {plan.runs_per_subtest} runs = {per_case:,.0f} runs per case; "
        f"{len(plan.cases)} case(s) ({', '.join(case.id for case in plan.cases)}): {len(plan.order):,} runs in all, "
        f"in {plan.runs_per_subtest} block(s) shuffled by seed {plan.seed}.",
        f"The first: {', '.join(key.label for key in plan.order[:3])}.",
    ]
    if plan.inherited_tiers:
        lines.append(f"Subtests that take winners of {', '.join(plan.inherited_tiers)} run after all others.")
    if left < len(plan.order):
        lines.append(f"{len(plan.order) - left:,} of them are scored already; {left:,} are left.")
    if expected is None:
        lines.append("Expected cost and time: unknown. There is no scored run with this agent, model and mode yet.")
        few = [*(["--runs 1"] if plan.runs_per_subtest > 1 else []), *([] if view.chosen else ["--max-subtests 1"])]
        if few:
            lines.append(f"A first idea for little money: the same command with {' '.join(few)}.")
        return lines
    kind = " (offline: computed, nothing is paid)" if plan.conditions.offline else ""
    cost = (
        "unknown, since a model has no known price" if expected.cost_usd is None else _amount(expected.cost_usd, money)
    )
    lines.append(f"Expected cost of the {left:,} runs: {cost}{kind}; agents' time: {_amount(expected.agent_s, span)}.")
    hours = span(expected.agent_s.expected / view.parallel)
    lines.append(f"With {view.parallel} agents at once that is a wait of {hours} or more; judges work beside them.")
    lines.append(
        f"From {expected.past_runs} scored run(s) of {experiments} experiment(s); {expected.like_runs:,} of the "
        f"{left:,} runs have a history of their own subtest, the others are taken to be like their tier or case."
    )
    if difference := expected.smallest_difference(plan.runs_per_subtest):
        lines.append(
            f"With {plan.runs_per_subtest} runs each, two subtests have to differ by about {difference:.2f} in score "
            "for that to be shown."
        )
    return lines


def _amount(amount: Amount, shown: Callable[[float | None], str]) -> str:
    text = shown(amount.expected)
    if amount.low is None or amount.high is None:
        return f"{text} (too few runs for a range)"
    return f"{text} (95 %: {shown(amount.low)} to {shown(amount.high)})"


def _smaller(plan: Plan, past: Sequence[PastRun], *, chosen: bool) -> Sequence[Design]:
    """Designs with fewer runs, fewer subtests or without the tiers that inherit; those that are really smaller."""
    first = [
        subtest
        for tier in sorted({subtest.tier for subtest in plan.subtests})
        for subtest in [entry for entry in plan.subtests if entry.tier == tier][:_FEW_SUBTESTS]
    ]
    wanted: list[tuple[str, Sequence[Subtest], int]] = [
        (f"--runs {runs}", plan.subtests, runs) for runs in reversed(_FEW_RUNS) if runs < plan.runs_per_subtest
    ]
    if len(first) < len(plan.subtests) and not chosen:
        wanted.append((f"--max-subtests {_FEW_SUBTESTS}", first, plan.runs_per_subtest))
        if plan.runs_per_subtest > _FEW_RUNS[-1]:
            wanted.append((f"--max-subtests {_FEW_SUBTESTS} --runs {_FEW_RUNS[-1]}", first, _FEW_RUNS[-1]))
    designs = []
    for words, subtests, runs in wanted:
        keys: Sequence[RunKey] = order_in_blocks(plan.cases, subtests, runs, seed=plan.seed)
        designs.append(Design(words=words, runs_per_subtest=runs, runs=len(keys), forecast=forecast(keys, past)))
    return designs


def _designs_table(designs: Sequence[Design]) -> Table:
    table = Table(title="Smaller designs", title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("with")
    for name in ("runs", "expected cost", "agents' time", "shows a difference of"):
        table.add_column(name, justify="right")
    for design in designs:
        expected = design.forecast
        difference = None if expected is None else expected.smallest_difference(design.runs_per_subtest)
        table.add_row(
            design.words,
            f"{design.runs:,}",
            "?" if expected is None or expected.cost_usd is None else money(expected.cost_usd.expected),
            "?" if expected is None else span(expected.agent_s.expected),
            "?" if difference is None else f"{difference:.2f}",
        )
    return table


def _history(plan: Plan, results_dir: Path) -> tuple[Sequence[PastRun], int]:
    """Scored runs with the same agent, model, judges and mode, of any experiment; how many experiments these are."""
    past: list[PastRun] = []
    experiments = 0
    wanted = plan.conditions
    for path in sorted(results_dir.glob(f"*/{DATABASE}")):
        try:
            meta, records = read_experiment(path.parent)
        except StoreError:
            continue
        had = meta.conditions
        if (had.agent, had.model, had.judge_models, had.offline) != (
            wanted.agent, wanted.model, wanted.judge_models, wanted.offline,
        ):  # fmt: skip
            continue
        found = [
            PastRun(
                key=record.key,
                cost_usd=add_costs((record.agent_spend.cost_usd, record.judge_spend.cost_usd)),
                agent_s=record.result.duration_s,
                score=record.score.score,
            )
            for record in records
            if record.score is not None and record.result is not None
        ]
        experiments += bool(found)
        past += found
    return past, experiments


def _scored(experiment: Path | None) -> frozenset[RunKey]:
    if experiment is None:
        return frozenset()
    return frozenset(record.key for record in read_experiment(experiment)[1] if record.score is not None)


def _document(
    plan: Plan, left: int, expected: Forecast | None, experiments: int, designs: Sequence[Design]
) -> dict[str, object]:
    return {
        "name": plan.name,
        "conditions": asdict(plan.conditions),
        "runs_per_subtest": plan.runs_per_subtest,
        "runs_per_case": len(plan.order) // len(plan.cases),
        "seed": plan.seed,
        "cases": [case.id for case in plan.cases],
        "subtests": [
            {"label": subtest.label, "name": subtest.name, "inherits": list(subtest.inherits)}
            for subtest in plan.subtests
        ],
        "runs": [key.label for key in plan.order],
        "runs_left": left,
        "forecast": None if expected is None else {**asdict(expected), "experiments": experiments},
        "smaller_designs": [asdict(design) for design in designs],
    }
