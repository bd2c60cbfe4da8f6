"""`scylla report`: the reports of an experiment, written again from its records."""

from __future__ import annotations

import argparse

from scylla.cli.results import show_results
from scylla.errors import EXIT_GAPS, EXIT_OK


def execute(arguments: argparse.Namespace) -> int:
    """0 when every planned run has a score, 1 otherwise."""
    again = "the command that started this experiment"
    missing = show_results(arguments.folder, as_json=arguments.json, quiet=False, again=again)
    return EXIT_GAPS if missing else EXIT_OK
