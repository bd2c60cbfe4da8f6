"""The winners that subtests inherit: where they can come from, and those of an earlier experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scylla.cli.output import command_again
from scylla.cli.selection import Selection
from scylla.domain.experiment import ExperimentMeta
from scylla.domain.plan import Plan, is_meant_for
from scylla.domain.tier import Setup
from scylla.domain.winner import Winner
from scylla.errors import UsageError
from scylla.stats.winners import pick_winner, unscored_runs
from scylla.store.reading import read_experiment, read_experiment_meta


def earlier_winners(folder: Path | None, selection: Selection) -> tuple[Winner, ...]:
    """The winners of the tiers that the selection inherits from, in the experiment of `folder`; none without one.

    UsageError when a tier has runs without a score there, or when the set-up that won is defined differently now.
    """
    tiers = sorted({tier for subtest in selection.subtests for tier in subtest.inherits})
    if folder is None:
        return ()
    if not tiers:
        raise UsageError(
            "--winners-from means nothing here: no subtest that was chosen takes winners", fix="leave it out"
        )
    meta, records = read_experiment(folder)
    has = {record.key.tier for record in records}
    if lacking := [tier for tier in tiers if tier not in has]:
        raise UsageError(f"{folder} has no runs of {', '.join(lacking)}", fix="name an experiment that has them")
    if waiting := unscored_runs(tiers, records):
        raise UsageError(
            f"{waiting} run(s) of {', '.join(tiers)} in {folder} have no score, so that no winner can be named",
            fix="complete that experiment first",
        )
    winners = [replace(pick_winner(tier, meta, records), taken_from=folder.resolve().name) for tier in tiers]
    _require_same(winners, selection.candidates, folder)
    return tuple(winners)


def require_parents(plan: Plan, experiment: Path | None, argv: Sequence[str]) -> None:
    """UsageError unless each winner that is taken is known or can be found by the plan or its experiment so far."""
    known = {subtest.tier for subtest in plan.subtests} | {winner.tier for winner in plan.winners}
    if experiment is not None:
        meta: ExperimentMeta = read_experiment_meta(experiment)
        known |= {subtest.tier for subtest in meta.subtests} | {winner.tier for winner in meta.winners}
    if lacking := [tier for tier in plan.inherited_tiers if tier not in known]:
        heirs = [subtest.label for subtest in plan.subtests if set(subtest.inherits) & set(lacking)]
        shown = ", ".join(heirs[:5]) + (" and others" if len(heirs) > 5 else "")
        tiers = sorted({subtest.tier for subtest in plan.subtests} | set(plan.inherited_tiers))
        raise UsageError(
            f"{shown} take the winner of {', '.join(lacking)}, which are not planned",
            fix=f"plan them too:\n    {command_again(with_tiers(argv, tiers))}\n"
            "    or take the winners of an earlier experiment: --winners-from DIR",
        )
    meant = {tier for tier in known if any(is_meant_for(case, tier) for case in plan.cases)}
    meant |= {winner.tier for winner in plan.winners}
    if never := [tier for tier in plan.inherited_tiers if tier not in meant]:
        raise UsageError(
            f"winners of {', '.join(never)} are to be taken, but no case of the plan is meant for that",
            fix="name the tiers under 'tiers' in test.yaml, or choose other subtests",
        )


def with_tiers(argv: Sequence[str], tiers: Sequence[str]) -> list[str]:
    """The arguments with other tiers and without a choice of subtests."""
    kept: list[str] = []
    leaving_out = False
    for word in argv:
        if word.startswith("-"):
            leaving_out = word.split("=")[0] in ("--tiers", "--subtests")
            if leaving_out:
                continue
        if not leaving_out:
            kept.append(word)
    return [*kept, "--tiers", *tiers]


def _require_same(winners: Sequence[Winner], candidates: Mapping[str, Setup], folder: Path) -> None:
    changed = [
        winner.label
        for winner in winners
        if winner.label not in candidates or candidates[winner.label].digest != winner.setup_digest
    ]
    if changed:
        raise UsageError(
            f"the winner {', '.join(changed)} of {folder} is defined differently now",
            fix="run the experiment again with the present tiers, or use those it was run with (--tiers-from)",
        )
