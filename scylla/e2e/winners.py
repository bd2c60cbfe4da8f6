"""The winners that later tiers take over: picked once, recorded, and never picked anew."""

from __future__ import annotations

from collections.abc import Sequence

from scylla.domain.record import RunRecord
from scylla.domain.winner import Winner
from scylla.e2e.parts import Parts
from scylla.stats.winners import pick_winner, unscored_runs


def settle_winners(parts: Parts) -> str:
    """Complete the set-ups of the subtests that inherit; why that cannot be done yet, or nothing.

    Winners on record stay: an agent of a later run must get what those of earlier runs got.
    """
    heirs = [subtest for subtest in parts.plan.subtests if subtest.inherits]
    wanted = sorted({tier for subtest in heirs for tier in subtest.inherits})
    meta = parts.store.meta()
    known = {winner.tier: winner for winner in meta.winners}
    missing = [tier for tier in wanted if tier not in known]
    if missing:
        records = _deciding(parts)
        if waiting := unscored_runs(missing, records):
            return f"{waiting} run(s) of {', '.join(missing)} have no score, so that no winner can be named"
        picked = [pick_winner(tier, meta, records) for tier in missing]
        parts.store.save_winners((*meta.winners, *picked))
        known |= {winner.tier: winner for winner in picked}
    for winner in known.values():
        candidates = sum(subtest.tier == winner.tier for subtest in parts.plan.subtests)
        if not winner.taken_from and candidates > winner.candidates:
            parts.progress.warning(
                f"{winner.label} won {winner.tier} when {winner.candidates} subtests were compared; there are "
                f"{candidates} now. It stays, so that all runs of a subtest get the same; --fresh picks anew"
            )
    if changed := [winner.label for winner in known.values() if _has_changed(winner, parts)]:
        return f"the definition of {', '.join(changed)} is not the one that won"
    for subtest in heirs:
        parts.setups[subtest.label] = subtest.resolved(
            {tier: parts.candidates[known[tier].label] for tier in subtest.inherits}
        )
        _warn_of_twins(subtest.label, parts)
        parts.progress.note(f"{subtest.label} takes {', '.join(known[tier].label for tier in subtest.inherits)}")
    return ""


def _warn_of_twins(label: str, parts: Parts) -> None:
    setup = parts.setups[label]
    twins = [other for other, given in parts.setups.items() if other != label and given.digest == setup.digest]
    if twins:
        parts.progress.warning(f"{label} gives an agent exactly what {', '.join(twins)} gives it")


def _deciding(parts: Parts) -> Sequence[RunRecord]:
    """The runs of the plan; of tiers that it leaves out, those that the experiment has already.

    Others (more runs, more subtests) may have been asked for earlier and never be carried out.
    """
    planned = frozenset(parts.plan.order)
    tiers = {key.tier for key in planned}
    return [record for record in parts.store.records() if record.key in planned or record.key.tier not in tiers]


def _has_changed(winner: Winner, parts: Parts) -> bool:
    setup = parts.candidates.get(winner.label)
    return setup is None or setup.digest != winner.setup_digest
