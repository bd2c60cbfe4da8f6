"""From the arguments to cases and subtests, with every problem at once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scylla.cli.arguments import expand_tiers
from scylla.cli.output import stop_on_errors
from scylla.config.cases import load_cases
from scylla.config.tiers import available_tiers, load_tier
from scylla.domain.case import Case
from scylla.domain.plan import is_meant_for
from scylla.domain.problem import Problem
from scylla.domain.tier import Setup, Subtest
from scylla.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What the person asked to run. `candidates` are the set-ups, by label, among which winners can be.

    `kind` goes into the experiment's name.
    """

    cases: tuple[Case, ...]
    subtests: tuple[Subtest, ...]
    candidates: Mapping[str, Setup] = field(default_factory=dict)
    kind: str = ""


def select(arguments: argparse.Namespace) -> Selection:
    """The cases and subtests of the arguments; ProblemsFound or UsageError when anything of it cannot be used."""
    loaded = load_cases(arguments.tiers_dir)
    problems: list[Problem] = list(loaded.problems)
    subtests: list[Subtest] = []
    for tier_id in _tiers(arguments):
        tier = load_tier(tier_id, arguments.tiers_from)
        problems += tier.problems
        subtests += _chosen(tier.subtests, arguments)
    candidates: dict[str, Setup] = {}
    for tier_id in sorted({tier_id for subtest in subtests for tier_id in subtest.inherits}):
        tier = load_tier(tier_id, arguments.tiers_from)
        problems += tier.problems
        candidates |= {subtest.label: subtest.setup for subtest in tier.subtests}
    stop_on_errors(tuple(dict.fromkeys(problems)))
    if arguments.subtests and (unknown := sorted(set(arguments.subtests) - {subtest.label for subtest in subtests})):
        raise UsageError(f"there is no subtest {', '.join(unknown)}", fix="list them with: scylla tiers")
    selection = Selection(cases=loaded.cases, subtests=tuple(subtests), candidates=candidates)
    _require_runs(selection)
    return selection


def _tiers(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The tiers asked for; those of `--subtests` alone when these are named."""
    try:
        wanted = expand_tiers([label.split("/")[0] for label in arguments.subtests or ()] or arguments.tiers)
    except ValueError as error:
        raise UsageError(str(error), fix="list them with: scylla tiers") from error
    known = available_tiers(arguments.tiers_from)
    if missing := [tier for tier in wanted if tier not in known]:
        raise UsageError(f"there is no tier {', '.join(missing)} yet", fix=f"there are: {', '.join(known) or 'none'}")
    return wanted


def _chosen(subtests: Sequence[Subtest], arguments: argparse.Namespace) -> Sequence[Subtest]:
    if arguments.subtests:
        return [subtest for subtest in subtests if subtest.label in arguments.subtests]
    return subtests[: arguments.max_subtests]


def _require_runs(selection: Selection) -> None:
    tiers = {subtest.tier for subtest in selection.subtests}
    for case in selection.cases:
        if not any(is_meant_for(case, tier) for tier in tiers):
            raise UsageError(
                f"case {case.id} is meant for {', '.join(case.tiers)} alone, and none of these was asked for",
                fix="name one of them with --tiers, or leave the case out",
            )
