"""The report files of an experiment."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import jinja2

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.record import RunRecord
from scylla.domain.usage import Tokens
from scylla.reporting.document import report_document
from scylla.reporting.judge_picture import judge_picture
from scylla.reporting.judges import alpha_text, error_text, estimate_text
from scylla.reporting.tables import (
    CRITERIA_COLUMNS,
    JUDGE_COLUMNS,
    RUN_COLUMNS,
    criteria_rows,
    csv_text,
    judge_rows,
    run_rows,
)
from scylla.stats.comparison import FEWEST_RUNS, Comparison
from scylla.stats.summary import GroupSummary, Summary
from scylla.store.files import write_whole

OFFLINE_WARNING = "Offline model: no real model was asked; scores and costs say nothing about any agent."
_MOST_CHARACTERS = 400
_WIDEST_PADDING = 40
_SEPARATOR = re.compile(r":?-+:?")
_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")


def write_reports(
    folder: Path, meta: ExperimentMeta, records: Sequence[RunRecord], summary: Summary, *, again: str
) -> tuple[Path, ...]:
    """Write every report into the experiment folder and return their paths; each appears whole or not at all.

    `again` is the command that continues the experiment, empty when it is not known.
    """
    picture = judge_picture(meta, records, summary.judges)
    texts = {
        "report.md": markdown_report(meta, summary, again=again, with_picture=picture is not None),
        "report.json": json.dumps(
            report_document(meta, summary, again=again), indent=2, ensure_ascii=False, allow_nan=False
        )
        + "\n",
        "runs.csv": csv_text(RUN_COLUMNS, run_rows(meta, records, summary)),
        "judges.csv": csv_text(JUDGE_COLUMNS, judge_rows(meta, records)),
        "criteria.csv": csv_text(CRITERIA_COLUMNS, criteria_rows(meta, records)),
    }
    if picture is not None:
        texts["judges.svg"] = picture
    for name, text in texts.items():
        write_whole(folder / name, text)
    return tuple(folder / name for name in texts)


def markdown_report(meta: ExperimentMeta, summary: Summary, *, again: str, with_picture: bool = False) -> str:
    """The report for people, in Markdown that reads well as plain text too; `with_picture` shows `judges.svg`."""
    return rendered(
        "report.md.j2", meta=meta, summary=summary, again=again, offline_warning=OFFLINE_WARNING,
        with_picture=with_picture, same_setups=same_setups(summary),
    )  # fmt: skip


def rendered(template: str, **values: object) -> str:
    """One of the Markdown templates of this room, filled, with its tables aligned."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scylla.reporting", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - this is Markdown; the `cell` filter escapes what others wrote
    )
    filters = (
        cell, usd, number, seconds, share, cost_of_pass, tokens, outcomes, moment, console, verdict, alpha_text,
        estimate_text, error_text,
    )  # fmt: skip
    environment.filters |= {filter_.__name__: filter_ for filter_ in filters}
    return aligned(environment.get_template(template).render(values))


def same_setups(summary: Summary) -> Sequence[Sequence[str]]:
    """Groups of subtests whose agents got exactly the same."""
    by_digest: dict[str, dict[str, None]] = {}
    for run in summary.runs:
        if run.attempt is not None:
            by_digest.setdefault(run.attempt.setup_digest, {})[f"{run.key.tier}/{run.key.subtest}"] = None
    return [list(labels) for labels in by_digest.values() if len(labels) > 1]


def verdict(comparison: Comparison) -> str:
    """What the comparison of two set-ups says, in one sentence."""
    if comparison.p_value is None:
        return f"{comparison.name}: too few runs to tell chance from a difference; use --runs {FEWEST_RUNS} or more."
    if not comparison.is_shown:
        return f"{comparison.name}: no difference to {comparison.base_name} is shown; chance explains what is seen."
    word = "better" if comparison.difference > 0 else "worse"
    return (
        f"{comparison.name} is {word} than {comparison.base_name} by {abs(comparison.difference):.3f} on these cases."
    )


def aligned(markdown: str) -> str:
    """The text with the columns of its tables padded; a cell wider than most is left to stick out."""
    done: list[str] = []
    table: list[list[str]] = []
    fence = ""
    for line in (*markdown.split("\n"), ""):
        if fence:
            fence = "" if line == fence else fence
            done.append(line)
            continue
        if line.startswith("```"):
            fence = line[: len(line) - len(line.lstrip("`"))]
        if line.startswith("|"):
            table.append([part.strip() for part in _BETWEEN_CELLS.split(line)[1:-1]])
            continue
        done += _padded(table)
        table = []
        done.append(line)
    return "\n".join(done).rstrip("\n") + "\n"


def _padded(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(3, *(min(len(text), _WIDEST_PADDING) for text in column)) for column in zip(*table, strict=True)]
    is_right = [any(text.endswith("-:") for text in column) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        texts = []
        for text, width, right in zip(row, widths, is_right, strict=True):
            if _SEPARATOR.fullmatch(text) and len(text) > 2:
                texts.append("-" * (width - 1) + ":" if right else "-" * width)
            else:
                texts.append(text.rjust(width) if right else text.ljust(width))
        lines.append(f"| {' | '.join(texts)} |")
    return lines


def cell(text: object) -> str:
    """Text from anywhere, safe in one cell of a Markdown table: one line, nothing that acts, cut when it is very long.

    Control and direction characters become spaces.
    """
    printable = "".join(character if character.isprintable() else " " for character in str(text))
    flat = " ".join(printable.split())
    if len(flat) > _MOST_CHARACTERS:
        flat = f"{flat[: _MOST_CHARACTERS - 1]}…"
    for character, safe in (
        ("&", "&amp;"),
        ("\\", "&#92;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("`", "'"),
        ("[", "\\["),
        ("*", "\\*"),
    ):
        flat = flat.replace(character, safe)
    return flat


def usd(cost_usd: float | None) -> str:
    """An amount; `?` when it is not known."""
    if cost_usd is None:
        return "?"
    return f"${cost_usd:,.2f}" if cost_usd >= 10 else f"${cost_usd:.4f}"


def number(value: float | None) -> str:
    """Two decimals; `-` when there is none."""
    return "-" if value is None else f"{value:.2f}"


def seconds(value: float | None) -> str:
    """Seconds with one decimal; `-` when there are none."""
    return "-" if value is None else f"{value:.1f} s"


def share(value: float | None) -> str:
    """A share in percent; `-` when there is none."""
    return "-" if value is None else f"{100 * value:.0f} %"


def cost_of_pass(group: GroupSummary) -> str:
    """The cost of one passing run, in words where there is none."""
    if group.cost_of_pass_is_infinite:
        return "nothing passed"
    return "-" if group.pass_rate is None else usd(group.cost_of_pass_usd)


def tokens(counts: Tokens) -> str:
    """The four kinds, as four cells."""
    kinds = (counts.input_tokens, counts.output_tokens, counts.cache_creation_tokens, counts.cache_read_tokens)
    return " | ".join(f"{count:,}" for count in kinds)


def outcomes(counts: Sequence[tuple[str, int]]) -> str:
    """How often agents ended how; `-` when none has."""
    return ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts) or "-"


def moment(iso: str) -> str:
    """A time as people write it, to the second."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M:%S %Z}"


def console(command: str) -> str:
    """A command as a block of its own, whatever is in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", command)), default=0))
    return f"{fence}console\n{command}\n{fence}"
