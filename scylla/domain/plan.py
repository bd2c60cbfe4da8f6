"""The plan of an experiment: which runs, in which order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from scylla.domain.case import Case
from scylla.domain.tier import OWN_TIER, Subtest
from scylla.domain.winner import Winner


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class RunKey:
    """The name of a run. `run_number` counts from 1."""

    case_id: str
    tier: str
    subtest: str
    run_number: int

    @property
    def subtest_label(self) -> str:
        """`<tier>/<subtest>`, the way people name a subtest."""
        return f"{self.tier}/{self.subtest}"

    @property
    def label(self) -> str:
        """`<case>/<tier>/<subtest>/run_<nn>`: also its folder inside an experiment."""
        return f"{self.case_id}/{self.tier}/{self.subtest}/run_{self.run_number:02d}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """What all runs of an experiment share; a different value means a different experiment.

    `case_digests` pairs each case id with its digest, sorted. `model` and the judge models are the names given to the
    agent CLI; without any judge model checks alone decide the score. `timeout_s` is None when each case's own limit
    holds. `reuse_verdicts`: a judge is not asked again about work it has judged.
    """

    agent: str
    agent_version: str
    model: str
    judge_models: tuple[str, ...]
    offline: bool
    timeout_s: float | None
    case_digests: tuple[tuple[str, str], ...]
    reuse_verdicts: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A validated experiment. `order` holds every run once, in randomised blocks.

    `winners` are those taken from an earlier experiment, for subtests that inherit.
    """

    name: str
    conditions: Conditions
    cases: tuple[Case, ...]
    subtests: tuple[Subtest, ...]
    runs_per_subtest: int
    seed: int
    order: tuple[RunKey, ...]
    winners: tuple[Winner, ...] = ()

    @property
    def inherited_tiers(self) -> tuple[str, ...]:
        """The tiers whose winners some subtest takes."""
        return tuple(sorted({tier for subtest in self.subtests for tier in subtest.inherits}))

    def case(self, case_id: str) -> Case:
        """The case of that id; KeyError when the plan has none."""
        return {case.id: case for case in self.cases}[case_id]

    def subtest(self, key: RunKey) -> Subtest:
        """The subtest of a run; KeyError when the plan has none."""
        return {subtest.label: subtest for subtest in self.subtests}[f"{key.tier}/{key.subtest}"]


def make_plan(
    *,
    name: str,
    conditions: Conditions,
    cases: Sequence[Case],
    subtests: Sequence[Subtest],
    runs_per_subtest: int,
    seed: int,
    winners: Sequence[Winner] = (),
) -> Plan:
    """The plan with its runs ordered in randomised blocks."""
    return Plan(
        name=name,
        conditions=conditions,
        cases=tuple(cases),
        subtests=tuple(subtests),
        runs_per_subtest=runs_per_subtest,
        seed=seed,
        order=order_in_blocks(cases, subtests, runs_per_subtest, seed=seed),
        winners=tuple(winners),
    )


def order_in_blocks(
    cases: Sequence[Case], subtests: Sequence[Subtest], runs_per_subtest: int, *, seed: int
) -> tuple[RunKey, ...]:
    """Every run once. Block n holds run n of each case and subtest, shuffled by `seed` and n alone.

    A larger `runs_per_subtest` therefore only appends. A case that lists its tiers is run on these only, beside a
    person's own set-ups. Subtests that inherit come after all others, in blocks of their own.
    """
    order: list[RunKey] = []
    for wave in (False, True):
        for run_number in range(1, runs_per_subtest + 1):
            block = [
                RunKey(case_id=case.id, tier=subtest.tier, subtest=subtest.id, run_number=run_number)
                for case in cases
                for subtest in subtests
                if bool(subtest.inherits) is wave and is_meant_for(case, subtest.tier)
            ]
            random.Random(f"{seed}:{run_number}").shuffle(block)
            order.extend(block)
    return tuple(order)


def is_meant_for(case: Case, tier: str) -> bool:
    """True unless the case lists other tiers; a person's own set-ups run on every case."""
    return not case.tiers or tier == OWN_TIER or tier in case.tiers
