"""`scylla report`: the reports of an experiment, written again from its records."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from scylla.cli.results import show_results
from scylla.errors import EXIT_GAPS, EXIT_OK

_LATEST = "report.json"


def execute(arguments: argparse.Namespace) -> int:
    """0 when every planned run has a score, 1 otherwise."""
    again = _command_of(arguments.folder)
    missing = show_results(arguments.folder, as_json=arguments.json, quiet=False, again=again)
    return EXIT_GAPS if missing else EXIT_OK


def _command_of(folder: Path) -> str:
    """The command that continues the experiment, as the latest report has it; empty when there is none."""
    try:
        document = json.loads((folder / _LATEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    again = document.get("continue_with") if isinstance(document, dict) else None
    return again if isinstance(again, str) else ""
