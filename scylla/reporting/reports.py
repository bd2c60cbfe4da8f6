"""The report files of an experiment."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import jinja2

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.record import RunRecord
from scylla.errors import StoreError
from scylla.reporting.document import report_document
from scylla.reporting.tables import (
    CRITERIA_COLUMNS,
    JUDGE_COLUMNS,
    RUN_COLUMNS,
    criteria_rows,
    csv_text,
    judge_rows,
    run_rows,
)
from scylla.stats.summary import GroupSummary, Summary

OFFLINE_WARNING = "Offline model: no real model was asked; scores and costs say nothing about any agent."


def write_reports(
    folder: Path, meta: ExperimentMeta, records: Sequence[RunRecord], summary: Summary, *, again: str
) -> tuple[Path, ...]:
    """Write every report into the experiment folder and return their paths; each appears whole or not at all.

    `again` is the command that continues the experiment.
    """
    texts = {
        "report.md": markdown_report(meta, summary, again=again),
        "report.json": json.dumps(
            report_document(meta, summary, again=again), indent=2, ensure_ascii=False, allow_nan=False
        )
        + "\n",
        "runs.csv": csv_text(RUN_COLUMNS, run_rows(meta, summary)),
        "judges.csv": csv_text(JUDGE_COLUMNS, judge_rows(meta, records)),
        "criteria.csv": csv_text(CRITERIA_COLUMNS, criteria_rows(meta, records)),
    }
    for name, text in texts.items():
        _write_whole(folder / name, text)
    return tuple(folder / name for name in texts)


def markdown_report(meta: ExperimentMeta, summary: Summary, *, again: str) -> str:
    """The report for people, in Markdown that reads well as plain text too."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scylla.reporting", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - this is Markdown; the `cell` filter escapes what others wrote
    )
    environment.filters |= {"cell": cell, "usd": usd, "number": number, "seconds": seconds, "share": share}
    template = environment.get_template("report.md.j2")
    return template.render(meta=meta, summary=summary, again=again, offline_warning=OFFLINE_WARNING, cop=cost_of_pass)


def cell(text: object) -> str:
    """Text from anywhere, safe in one cell of a Markdown table; control and direction characters become spaces."""
    printable = "".join(character if character.isprintable() else " " for character in str(text))
    flat = " ".join(printable.split())
    for character, safe in (
        ("&", "&amp;"),
        ("\\", "&#92;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("|", "\\|"),
        ("`", "'"),
        ("[", "\\["),
    ):
        flat = flat.replace(character, safe)
    return flat


def usd(cost_usd: float | None) -> str:
    """An amount; `?` when it is not known."""
    return "?" if cost_usd is None else f"${cost_usd:.4f}"


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


def _write_whole(path: Path, text: str) -> None:
    """Put `text` (UTF-8) at `path`, durably and whole; nothing is left beside it when that fails."""
    beside: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        beside = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}", fix="free some space and call: scylla report DIR"
        ) from error
    finally:
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
