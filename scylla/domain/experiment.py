"""What an experiment is, apart from its runs: enough to read its records without the case folders."""

from __future__ import annotations

from dataclasses import dataclass

from scylla.domain.plan import Conditions, Plan
from scylla.domain.rubric import Rubric
from scylla.domain.winner import Winner


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseMeta:
    """A case as it was when the experiment was planned.

    `prompt` and `criteria` are what judges need to grade again; None in experiments that did not keep them.
    """

    id: str
    name: str
    description: str
    language: str
    digest: str
    rubric: Rubric
    prompt: str | None = None
    criteria: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SubtestMeta:
    """A subtest as it was planned; equal `setup_digest`s mean equal treatments.

    For a subtest that takes the winners of the tiers in `inherits`, the digest is that of its own part.
    """

    tier: str
    id: str
    name: str
    description: str
    setup_digest: str
    inherits: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`<tier>/<id>`, the way people name a subtest."""
        return f"{self.tier}/{self.id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejudging:
    """How finished runs of `experiment` (its folder's name) were graded again.

    `repeats` is how often each judge was asked; `instructions_digest` is the hex SHA-256 of the judges' instructions.
    """

    experiment: str
    repeats: int
    cli_version: str
    instructions_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentMeta:
    """An experiment without its runs. `created_at` is ISO 8601 UTC; `runs_per_subtest` is the largest ever planned.

    `winners` are those that its subtests inherit from, as soon as they are known; they never change afterwards.
    `rejudging` is None unless its runs come from another experiment; their agents' spending is then that one's.
    """

    name: str
    created_at: str
    seed: int
    runs_per_subtest: int
    conditions: Conditions
    cases: tuple[CaseMeta, ...]
    subtests: tuple[SubtestMeta, ...]
    winners: tuple[Winner, ...] = ()
    rejudging: Rejudging | None = None

    def case(self, case_id: str) -> CaseMeta:
        """The case of that id; KeyError when there is none."""
        return {case.id: case for case in self.cases}[case_id]


def describe(plan: Plan, *, created_at: str) -> ExperimentMeta:
    """The description of an experiment that follows `plan`."""
    return ExperimentMeta(
        name=plan.name,
        created_at=created_at,
        seed=plan.seed,
        runs_per_subtest=plan.runs_per_subtest,
        conditions=plan.conditions,
        cases=tuple(
            CaseMeta(
                id=case.id,
                name=case.name,
                description=case.description,
                language=case.language,
                digest=case.digest,
                rubric=case.rubric,
                prompt=case.prompt,
                criteria=case.criteria,
            )
            for case in plan.cases
        ),
        subtests=tuple(
            SubtestMeta(
                tier=subtest.tier,
                id=subtest.id,
                name=subtest.name,
                description=subtest.description,
                setup_digest=subtest.setup.digest,
                inherits=subtest.inherits,
            )
            for subtest in plan.subtests
        ),
        winners=plan.winners,
    )
