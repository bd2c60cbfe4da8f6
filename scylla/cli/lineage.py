"""The winners that subtests inherit: where they can come from, and those of an earlier experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scylla.cli.output import command_again, say
from scylla.cli.selection import Selection
from scylla.domain.experiment import ExperimentMeta
from scylla.domain.plan import Conditions, Plan, is_meant_for
from scylla.domain.tier import Setup
from scylla.domain.winner import Winner
from scylla.errors import UsageError
from scylla.stats.winners import pick_winner, unscored_runs
from scylla.store.reading import read_experiment, read_experiment_meta


def earlier_winners(folder: Path | None, selection: Selection, conditions: Conditions) -> tuple[Winner, ...]:
    """The winners of the tiers that the selection inherits from, in the experiment of `folder`; none without one.

    Those it has recorded come first. UsageError when a tier has runs without a score there, when the set-up that won is
    defined differently now, or when a real model and the offline model would be mixed; other differences are said.
    """
    tiers = sorted({tier for subtest in selection.subtests for tier in subtest.inherits})
    if folder is None:
        return ()
    if not tiers:
        raise UsageError(
            "--winners-from means nothing here: no subtest that was chosen takes winners", fix="leave it out"
        )
    meta, records = read_experiment(folder)
    _require_alike(meta.conditions, conditions, folder)
    recorded = {winner.tier: winner for winner in meta.winners}
    has = set(recorded) | {record.key.tier for record in records}
    if lacking := [tier for tier in tiers if tier not in has]:
        raise UsageError(f"{folder} has no runs of {', '.join(lacking)}", fix="name an experiment that has them")
    open_tiers = [tier for tier in tiers if tier not in recorded]
    if waiting := unscored_runs(open_tiers, records):
        raise UsageError(
            f"{waiting} run(s) of {', '.join(open_tiers)} in {folder} have no score, so that no winner can be named",
            fix="complete that experiment first",
        )
    picked = [recorded.get(tier) or pick_winner(tier, meta, records) for tier in tiers]
    winners = [replace(winner, taken_from=winner.taken_from or folder.resolve().name) for winner in picked]
    _require_same(winners, selection.candidates, folder)
    return tuple(winners)


def _require_alike(had: Conditions, now: Conditions, folder: Path) -> None:
    if had.offline != now.offline:
        words = {True: "the offline model", False: "a real model"}
        raise UsageError(
            f"{folder} was run with {words[had.offline]}, this would be run with {words[now.offline]}",
            fix="take winners from an experiment of the same kind",
        )
    pairs = {
        "agent": (had.agent, now.agent),
        "model": (had.model, now.model),
        "cases": (_case_ids(had), _case_ids(now)),
    }
    for name, (before, after) in pairs.items():
        if before != after:
            say(f"Mind that the winners of {folder} were picked with another {name}: {before}, now {after}")


def _case_ids(conditions: Conditions) -> str:
    return ", ".join(case_id for case_id, _ in conditions.case_digests)


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
