"""Which experiment a plan continues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scylla.domain.experiment import ExperimentMeta, describe
from scylla.domain.plan import Plan
from scylla.errors import StoreError
from scylla.store.reading import DATABASE, read_experiment_meta

_MODES = {True: "offline", False: "live"}
_REUSE = {True: "judged once", False: "judged each time"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """An experiment of the same name that the plan does not continue, and why, in words."""

    folder: Path
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """`folder` is the newest experiment that the plan continues, None when there is none."""

    folder: Path | None
    differing: tuple[Near, ...]


def find_matching(results_dir: Path, plan: Plan) -> Match:
    """Look through the experiments of the plan's name, newest first, up to the first that fits.

    It fits when all conditions are the same and the subtests both know have the same set-ups; the numbers of runs and
    the subtests chosen may differ.
    """
    differing: list[Near] = []
    folders = sorted((path.parent for path in results_dir.glob(f"*/{DATABASE}")), key=lambda folder: folder.name)
    for folder in reversed(folders):
        try:
            meta = read_experiment_meta(folder)
        except StoreError as error:
            if folder.name.endswith(f"-{plan.name}"):
                differing.append(Near(folder=folder, differences=(error.message,)))
            continue
        if meta.name != plan.name:
            continue
        differences = tuple(_differences(meta, plan))
        if not differences:
            return Match(folder=folder, differing=tuple(differing))
        differing.append(Near(folder=folder, differences=differences))
    return Match(folder=None, differing=tuple(differing))


def _differences(meta: ExperimentMeta, plan: Plan) -> Iterator[str]:
    before, now = meta.conditions, plan.conditions
    for name, old, new in (
        ("agent", before.agent, now.agent),
        ("agent CLI", before.agent_version, now.agent_version),
        ("model", before.model, now.model),
        ("judges", ", ".join(before.judge_models), ", ".join(now.judge_models)),
        ("identical work", _REUSE[before.reuse_verdicts], _REUSE[now.reuse_verdicts]),
        ("mode", _MODES[before.offline], _MODES[now.offline]),
        ("time limit", _limit(before.timeout_s), _limit(now.timeout_s)),
        ("seed", str(meta.seed), str(plan.seed)),
    ):
        if old != new:
            yield f"{name}: {old}, now {new}"
    digests = dict(before.case_digests)
    for case_id, digest in now.case_digests:
        if digests.pop(case_id, None) != digest:
            yield f"case {case_id} has changed"
    if digests:
        yield f"without case {', '.join(sorted(digests))}"
    setups = {subtest.label: subtest.setup_digest for subtest in meta.subtests}
    for subtest in describe(plan, created_at="").subtests:
        if setups.get(subtest.label, subtest.setup_digest) != subtest.setup_digest:
            yield f"subtest {subtest.label} has changed"
    winners = {winner.tier: winner for winner in meta.winners}
    for winner in plan.winners:
        known = winners.get(winner.tier, winner)
        if (known.label, known.setup_digest) != (winner.label, winner.setup_digest):
            yield f"winner of {winner.tier}: {known.label}, now {winner.label}"


def _limit(timeout_s: float | None) -> str:
    return "the case's" if timeout_s is None else f"{timeout_s:g} s"
