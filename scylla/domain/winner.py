"""The winner of a tier, which later tiers take over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Winner:
    """The subtest that won a tier, and on what grounds. Scores are 0..1 and means over cases.

    `mean_score` is that of the runs it was picked by, and so too high in expectation; `corrected_score` is the estimate
    without that bias, None where there are too few runs for one. `mean_tokens` counts all tokens of an agent's run.
    `setup_digest` is that of its set-up; `taken_from` names the experiment it won, empty for the one that holds it.
    """

    tier: str
    subtest: str
    name: str
    setup_digest: str
    candidates: int
    runs: int
    median_score: float
    mean_score: float
    corrected_score: float | None
    mean_tokens: float
    taken_from: str = ""

    @property
    def label(self) -> str:
        """`<tier>/<id>`, the way people name a subtest."""
        return f"{self.tier}/{self.subtest}"
