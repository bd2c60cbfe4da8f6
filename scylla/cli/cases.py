"""`scylla cases`: what is there to run."""

from __future__ import annotations

import argparse
import sys

from rich.table import Table

from scylla.cli.console import open_console, plain
from scylla.cli.output import print_json, stop_on_errors
from scylla.config.cases import load_cases
from scylla.errors import EXIT_OK


def execute(arguments: argparse.Namespace) -> int:
    """List the cases; problems end the command."""
    loaded = load_cases(arguments.paths)
    stop_on_errors(loaded.problems)
    if arguments.json:
        print_json(
            [
                {
                    "id": case.id,
                    "name": case.name,
                    "language": case.language,
                    "tags": list(case.tags),
                    "tiers": list(case.tiers),
                    "timeout_s": case.timeout_s,
                    "items": len(case.rubric.items),
                    "checks": len(case.rubric.check_items),
                    "folder": str(case.folder),
                }
                for case in loaded.cases
            ]
        )
        return EXIT_OK
    table = Table("case", "name", "language", "items", "of them checks", "time limit")
    for case in loaded.cases:
        rubric = case.rubric
        table.add_row(
            plain(case.id),
            plain(case.name),
            plain(case.language),
            str(len(rubric.items)),
            str(len(rubric.check_items)),
            f"{case.timeout_s:g} s",
        )
    open_console(sys.stdout).print(table)
    return EXIT_OK
