"""The end of a sitting: reports written, a table shown, what is missing and how to go on."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.table import Table
from rich.text import Text

from scylla.cli.console import open_console, plain
from scylla.cli.output import money, print_json, say, span
from scylla.domain.experiment import ExperimentMeta
from scylla.errors import StoreError
from scylla.reporting.document import report_document
from scylla.reporting.reports import OFFLINE_WARNING, number, share, verdict, write_reports
from scylla.stats.summary import GroupSummary, State, Summary, summarise
from scylla.store.reading import read_experiment

_SHOWN_GAPS = 20


def show_results(folder: Path, *, as_json: bool, quiet: bool, again: str) -> int:
    """Write the reports of an experiment and show its result; how many planned runs have no score.

    `again` is the command that continues it, empty when it is not known. When the reports cannot be written, the
    result is shown all the same before StoreError is raised.
    """
    meta, records = read_experiment(folder)
    summary = summarise(meta, records)
    failure: StoreError | None = None
    try:
        write_reports(folder, meta, records, summary, again=again)
    except StoreError as error:
        failure = error
    if as_json:
        print_json(report_document(meta, summary, again=again))
    _show(meta, summary, again)
    if failure is not None:
        raise failure
    if not quiet:
        say(f"Reports: {folder / 'report.md'} (and report.json, runs.csv, judges.csv, criteria.csv)")
    return summary.totals.planned - summary.totals.scored


def _show(meta: ExperimentMeta, summary: Summary, again: str) -> None:
    console = open_console(sys.stderr)
    console.print(_table(meta, summary))
    totals = summary.totals
    say(
        f"Money: {money(totals.total_cost_usd)} in all: agents {money(totals.agent.cost_usd)}, "
        f"judges {money(totals.judge.cost_usd)}, wasted {money(totals.wasted.cost_usd)}"
    )
    for comparison in summary.comparisons:
        say(verdict(comparison))
    if meta.rejudging is not None:
        say(f"Runs of {meta.rejudging.experiment}, judged again: what their agents cost was paid there, once.")
    if meta.conditions.offline:
        console.print(OFFLINE_WARNING, style="bold yellow", soft_wrap=True)
    waiting = [run for run in summary.runs if run.state is not State.SCORED]
    for run in waiting[:_SHOWN_GAPS]:
        say(f"  {run.state.value}: {run.key.label}: {run.reason}")
    if len(waiting) > _SHOWN_GAPS:
        say(f"  and {len(waiting) - _SHOWN_GAPS} more")
    if waiting:
        how = f"To continue:\n  {again}" if again else "To continue, give the command that started it once more."
        say(f"{len(waiting)} of {totals.planned} planned runs have no score. {how}")


def _table(meta: ExperimentMeta, summary: Summary) -> Table:
    title = f"{meta.name} · {meta.conditions.model}{' · OFFLINE MODEL' if meta.conditions.offline else ''}"
    table = Table(title=plain(title), title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("subtest", no_wrap=True)
    table.add_column("name", min_width=12)
    for name in ("score", "passed", "agent", "judge", "time", "cache"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in summary.subtests:
        table.add_row(*_cells(group))
    if len(summary.subtests) > 1:
        table.add_section()
        for group in summary.tiers:
            table.add_row(*_cells(group))
    return table


def _cells(group: GroupSummary) -> tuple[str | Text, ...]:
    spread = "" if group.sd_score is None else f" ± {number(group.sd_score)}"
    return (
        group.label,
        plain(group.name),
        f"{group.grade or ''} {number(group.mean_score)}{spread}",
        f"{group.passed}/{group.scored}" + (f" of {group.planned}" if group.scored < group.planned else ""),
        money(group.mean_agent_cost_usd) if group.results else "-",
        money(group.mean_judge_cost_usd) if group.scored else "-",
        span(group.mean_agent_s),
        share(group.cache_efficiency),
    )
