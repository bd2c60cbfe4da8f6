"""What judging again will cost, and what it has changed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from rich.table import Table

from scylla.cli.console import open_console, plain
from scylla.cli.output import money, print_json, say
from scylla.domain.experiment import ExperimentMeta
from scylla.domain.plan import RunKey
from scylla.domain.record import RunRecord, Verdict
from scylla.domain.usage import Tokens, add_costs
from scylla.gateway.prices import PriceTable
from scylla.reporting.changes import changes_document, write_changes
from scylla.reporting.judges import alpha_text, estimate_text
from scylla.reporting.reports import OFFLINE_WARNING, number, share, write_reports
from scylla.stats.rejudging import Changes, compare_judging
from scylla.stats.summary import Summary, summarise
from scylla.store.reading import read_experiment


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of a judge that is still to be made."""

    key: RunKey
    model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What the calls of one judge may cost; `basis` says from what. None: nothing is known to tell it from."""

    model: str
    calls: int
    cost_usd: float | None
    basis: str


def calls_to_make(meta: ExperimentMeta, ready: Sequence[RunRecord], done: Sequence[RunRecord]) -> tuple[Call, ...]:
    """The calls that are missing when each answer can be used."""
    answered = {(record.key, verdict.judge_number) for record in done for verdict in record.valid_verdicts}
    return tuple(
        Call(key=record.key, model=model)
        for record in ready
        if meta.case(record.key.case_id).rubric.judge_items
        for judge_number, model in enumerate(meta.conditions.judge_models, start=1)
        if (record.key, judge_number) not in answered
    )


def show_calls(
    calls: Sequence[Call],
    meta: ExperimentMeta,
    records: Sequence[RunRecord],
    known: Path | None,
    *,
    as_json: bool,
) -> None:
    """Print the calls by judge with their expected cost, from the verdicts of `records`; nothing is started."""
    expected = _expected(calls, records)
    total = add_costs(entry.cost_usd for entry in expected)
    if as_json:
        print_json(
            {
                "format_version": 1,
                "offline": meta.conditions.offline,
                "continues": None if known is None else str(known),
                "calls": len(calls),
                "expected_cost_usd": total,
                "by_judge": [
                    {"model": e.model, "calls": e.calls, "expected_cost_usd": e.cost_usd, "basis": e.basis}
                    for e in expected
                ],
                "runs": sorted({call.key.label for call in calls}),
            }
        )
        return
    table = Table("judge", "calls", "expected cost", "from")
    for entry in expected:
        table.add_row(plain(entry.model), str(entry.calls), money(entry.cost_usd), plain(entry.basis))
    open_console(sys.stdout).print(table)
    kind = " (offline: nothing is paid)" if meta.conditions.offline else ""
    say(f"{len(calls)} call(s), expected to cost {money(total)}{kind}; a call that fails and is made again adds to it.")
    if known is not None:
        say(f"They continue {known}.")
    say("Nothing was started.")


def _expected(calls: Sequence[Call], records: Sequence[RunRecord]) -> tuple[Expected, ...]:
    verdicts = [verdict for record in records for verdict in record.valid_verdicts if verdict.spend.by_model]
    counts = Counter(call.model for call in calls)
    return tuple(_expect(model, count, verdicts) for model, count in counts.items())


def _expect(model: str, calls: int, verdicts: Sequence[Verdict]) -> Expected:
    own = [cost for entry in verdicts if entry.model == model and (cost := entry.spend.cost_usd) is not None]
    if own:
        basis = f"{len(own)} recorded call(s) of this judge"
        return Expected(model=model, calls=calls, cost_usd=calls * fmean(own), basis=basis)
    if not verdicts:
        return Expected(model=model, calls=calls, cost_usd=None, basis="no judge has been called yet")
    tokens = sum((entry.spend.tokens for entry in verdicts), Tokens())
    prices = PriceTable.load()
    named = [model] if prices.knows(model) else prices.family(model)
    costs_usd = [cost_usd for name in named if (cost_usd := prices.cost_usd(name, tokens, 0)) is not None]
    if not costs_usd:
        return Expected(model=model, calls=calls, cost_usd=None, basis="this judge was never called; no known price")
    price = "its price" if prices.knows(model) else f"the dearest price of any {model}"
    basis = f"{price} and the tokens of {len(verdicts)} call(s) of other judges"
    return Expected(model=model, calls=calls, cost_usd=calls * max(costs_usd) / len(verdicts), basis=basis)


def show_changes(
    folder: Path, before: ExperimentMeta, records: Sequence[RunRecord], *, as_json: bool, quiet: bool, again: str
) -> int:
    """Write the reports of a rejudging and show what changed; how many of its runs have no score.

    `again` is the command that continues it.
    """
    after, rejudged = read_experiment(folder)
    summary = summarise(after, rejudged)
    changes = compare_judging(before, records, after, rejudged)
    write_reports(folder, after, rejudged, summary, again=again)
    write_changes(folder, before, after, changes, summary)
    if as_json:
        print_json(changes_document(folder, before, after, changes, summary))
    _show(before, after, changes, summary)
    if not quiet:
        say(f"Reports: {folder / 'changes.md'} (and changes.json, report.md, report.json, the CSV files)")
    return summary.totals.planned - summary.totals.scored


def _show(before: ExperimentMeta, after: ExperimentMeta, changes: Changes, summary: Summary) -> None:
    console = open_console(sys.stderr)
    table = Table(title="Judged again", title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("subtest", "name", "runs", "before", "after", "rank before", "rank after"):
        table.add_column(name, justify="left" if name in ("subtest", "name") else "right", no_wrap=name != "name")
    for change in changes.subtests:
        table.add_row(
            change.label, plain(change.name), str(change.runs), number(change.mean_before), number(change.mean_after),
            f"{change.rank_before:g}", f"{change.rank_after:g}",
        )  # fmt: skip
    console.print(table)
    say(
        f"Score after less score before, over {changes.compared} run(s): {estimate_text(changes.shift)}; "
        f"{changes.newly_passed} newly passed, {changes.newly_failed} newly failed"
    )
    for case in summary.judges.cases:
        noise = case.noise
        if noise.judge_sd is not None:
            say(
                f"{case.case_id}: one verdict ± {number(noise.judge_sd)}; between runs ± {number(noise.observed_sd)}, "
                f"of which judging makes ± {number(noise.judge_part_sd)}"
                + ("" if noise.judge_share is None else f" ({share(noise.judge_share)} of the variance)")
            )
        if len(summary.judges.judges) > 1:
            say(f"{case.case_id}: agreement between judges, alpha {alpha_text(case.alpha)}")
    for item in summary.judges.worst_items[:5]:
        say(f"  to rewrite: {item.case_id} {item.item_id}: judges differ by {number(item.difference)} of its points")
    say(f"Judging again cost {money(summary.totals.judge.cost_usd)}; no agent was started.")
    if after.conditions.offline:
        console.print(OFFLINE_WARNING, style="bold yellow", soft_wrap=True)
    if after.conditions.offline != before.conditions.offline:
        say("One side was judged by the offline model and the other by real judges: they cannot be compared.")
