"""`scylla check`: every problem of cases and tiers at once."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from scylla.cli.machine import search_path
from scylla.cli.output import print_json, say, show_problems
from scylla.cli.proof import describe, faults, prove, show_proofs
from scylla.config.cases import CASE_FILE, load_cases
from scylla.config.findings import shown
from scylla.config.tiers import available_tiers, load_tier
from scylla.domain.case import Case
from scylla.domain.problem import Problem, Severity
from scylla.e2e.environment import missing_programs
from scylla.errors import EXIT_MACHINE, EXIT_OK, EXIT_USAGE, UsageError


def execute(arguments: argparse.Namespace) -> int:
    """0 when no error was found (warnings are shown), 2 otherwise.

    With `--run` 3 when the files are sound and this machine lacks a program that a check needs.
    """
    if arguments.repeat and not arguments.run:
        raise UsageError("--repeat says how often checks are run", fix="add --run, or leave it out")
    tiers_in = {path: _tiers_in(path) for path in arguments.paths}
    loaded = load_cases([path for path, tiers in tiers_in.items() if not tiers])
    problems: list[Problem] = [*loaded.problems, *_missing_programs(loaded.cases)]
    subtests = 0
    for folder, tier_id in dict.fromkeys(tier for tiers in tiers_in.values() for tier in tiers):
        tier = load_tier(tier_id, folder)
        problems += tier.problems
        subtests += len(tier.subtests)
    proofs = prove(loaded.cases, arguments) if arguments.run else ()
    problems += [problem for proof in proofs for problem in faults(proof)]
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    if arguments.json:
        print_json(
            {
                "cases": [case.id for case in loaded.cases],
                "subtests": subtests,
                "errors": errors,
                "problems": [{**asdict(problem), "severity": problem.severity.value} for problem in problems],
                **({"proofs": [describe(proof) for proof in proofs]} if arguments.run else {}),
            }
        )
    else:
        if proofs:
            show_proofs(proofs)
        show_problems(problems)
        found = f"{len(loaded.cases)} usable case(s)" + (f", {subtests} subtest(s)" if any(tiers_in.values()) else "")
        say(f"{found}; {errors} error(s), {len(problems) - errors} warning(s)")
    if errors:
        return EXIT_USAGE
    return EXIT_MACHINE if any(proof.missing for proof in proofs) else EXIT_OK


def _missing_programs(cases: Sequence[Case]) -> Iterator[Problem]:
    """What this machine lacks is no fault of the files: a warning."""
    for case in cases:
        for who, program in missing_programs(case, search_path(os.environ)):
            yield Problem(
                file=shown(case.folder / CASE_FILE),
                key="",
                reason=f"{who} needs {program}, which is not on the PATH of checks, so that it cannot be graded here",
                fix=f"Install {program} on this machine",
                severity=Severity.WARNING,
            )


def _tiers_in(path: Path) -> list[tuple[Path, str]]:
    """The tiers of a folder of tiers, or the tier whose folder it is, each with the folder of its tiers."""
    whole = path.resolve()
    if tiers := available_tiers(whole):
        return [(whole, tier_id) for tier_id in tiers]
    tier_id = whole.name.upper()
    return [(whole.parent, tier_id)] if tier_id in available_tiers(whole.parent) else []
