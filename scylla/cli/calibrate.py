"""`scylla calibrate`: judges against marks that people gave."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from scylla.cli.console import open_console, plain
from scylla.cli.output import money, print_json, say, stop_on_errors
from scylla.config.findings import Findings
from scylla.config.human_marks import TEMPLATE_COLUMNS, read_human_marks
from scylla.domain.experiment import ExperimentMeta
from scylla.domain.human import blind_name
from scylla.domain.plan import RunKey
from scylla.domain.record import RunRecord
from scylla.domain.rubric import Item
from scylla.errors import EXIT_OK, UsageError
from scylla.reporting.calibration import calibration_document, write_calibration
from scylla.reporting.judges import alpha_text, error_text, estimate_text
from scylla.reporting.reports import OFFLINE_WARNING
from scylla.reporting.tables import csv_text
from scylla.stats.calibration import Calibration, calibrate
from scylla.store.files import write_whole
from scylla.store.reading import read_experiment


def execute(arguments: argparse.Namespace) -> int:
    """0 when it was done; bad rows of the file end it with 2, all of them listed."""
    meta, records = read_experiment(arguments.folder)
    if arguments.template is not None:
        _write_template(arguments, meta, records)
        return EXIT_OK
    findings = Findings()
    human = read_human_marks(arguments.human, meta, [record.key for record in records], findings)
    stop_on_errors(findings.problems)
    if not human:
        raise UsageError(f"{arguments.human} holds no mark", fix="fill in the column points (or score) of some rows")
    calibration = calibrate(meta, records, human)
    paths = write_calibration(arguments.folder, meta, calibration)
    if arguments.json:
        print_json(calibration_document(meta, calibration))
    _show(meta, calibration)
    say(f"Reports: {paths[0]} (and {paths[1].name})")
    return EXIT_OK


def _show(meta: ExperimentMeta, calibration: Calibration) -> None:
    console = open_console(sys.stderr)
    table = Table(title="Judges against people", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("judge")
    for name in ("runs", "marks", "error", "bias", "alpha", "cost of a run"):
        table.add_column(name, justify="right")
    for entry in calibration.judges:
        errors = entry.errors
        table.add_row(
            plain(errors.judge), str(errors.runs), str(errors.marks), error_text(errors.mae),
            estimate_text(errors.bias), alpha_text(errors.alpha), money(entry.cost_per_run_usd),
        )  # fmt: skip
    console.print(table)
    if calibration.people is not None:
        say(f"Agreement of the people with one another: alpha {alpha_text(calibration.people)}")
    if calibration.recommended is None:
        say(f"Which judge is worth its money cannot be said: {calibration.reason}.")
    else:
        say(f"Worth its money: {calibration.recommended}, {calibration.reason}.")
    if meta.conditions.offline:
        console.print(OFFLINE_WARNING, style="bold yellow", soft_wrap=True)


def _write_template(arguments: argparse.Namespace, meta: ExperimentMeta, records: Sequence[RunRecord]) -> None:
    """Blind rows in random order, and beside them what the judges were shown of each run, under its blind name."""
    path: Path = arguments.template
    if path.exists():
        raise UsageError(
            f"{path} exists already", fix="name another file; marks that people gave are never overwritten"
        )
    chance = random.Random(arguments.seed)
    graded = [record for record in records if record.grading is not None and _items(meta, record.key)]
    chance.shuffle(graded)
    chosen = graded[: arguments.runs]
    if not chosen:
        raise UsageError(f"{arguments.folder} has no graded run with items for judges", fix="run the experiment first")
    material = path.with_name(f"{path.stem}-material")
    try:
        material.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{material} cannot be made: {error.strerror}", fix="name another file") from error
    rows: list[dict[str, object]] = []
    for record in chosen:
        name = blind_name(meta, record.key)
        write_whole(material / f"{name}.md", _material(arguments.folder, record))
        rows += [
            {"run": name, "criterion": item.id, "asks": item.text, "max_points": item.points}
            for item in _items(meta, record.key)
        ]
    write_whole(path, csv_text(TEMPLATE_COLUMNS, rows))
    if arguments.json:
        print_json({"template": str(path), "material": str(material), "runs": len(chosen), "rows": len(rows)})
    say(f"{len(rows)} row(s) of {len(chosen)} run(s) → {path}; what the judges saw of each run lies in {material}.")
    say("Fill in points (n/a where an item does not apply; leave empty what you do not mark) and who you are (rater):")
    say(f"  scylla calibrate {arguments.folder} --human {path}")


def _items(meta: ExperimentMeta, key: RunKey) -> tuple[Item, ...]:
    return meta.case(key.case_id).rubric.judge_items


def _material(folder: Path, record: RunRecord) -> str:
    """What the first judge was asked; where none has been, the changes alone."""
    assert record.result is not None
    attempt = folder / record.key.label / f"attempt_{record.result.number:02d}"
    for path in (*sorted(attempt.glob("judge_*/prompt.md")), attempt / "changes.patch"):
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    return "Neither a judge's prompt nor the changes of this run are left.\n"
