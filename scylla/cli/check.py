"""`scylla check`: every problem of cases and tiers at once."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from scylla.cli.output import print_json, say, show_problems
from scylla.config.cases import load_cases
from scylla.config.tiers import available_tiers, load_tier
from scylla.domain.problem import Problem, Severity
from scylla.errors import EXIT_OK, EXIT_USAGE


def execute(arguments: argparse.Namespace) -> int:
    """0 when no error was found (warnings are shown), 2 otherwise."""
    tier_folders = [path for path in arguments.paths if available_tiers(path)] if arguments.paths else []
    loaded = load_cases([path for path in arguments.paths if path not in tier_folders])
    problems: list[Problem] = list(loaded.problems)
    subtests = 0
    for folder in tier_folders:
        for tier_id in available_tiers(folder):
            tier = load_tier(tier_id, folder)
            problems += tier.problems
            subtests += len(tier.subtests)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    if arguments.json:
        print_json(
            {
                "cases": [case.id for case in loaded.cases],
                "subtests": subtests,
                "errors": errors,
                "problems": [{**asdict(problem), "severity": problem.severity.value} for problem in problems],
            }
        )
    else:
        show_problems(problems)
        found = f"{len(loaded.cases)} usable case(s)" + (f", {subtests} subtest(s)" if tier_folders else "")
        say(f"{found}; {errors} error(s), {len(problems) - errors} warning(s)")
    return EXIT_USAGE if errors else EXIT_OK
