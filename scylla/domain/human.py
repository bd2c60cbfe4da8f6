"""Marks that people gave, to measure judges by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.plan import RunKey


@dataclass(frozen=True, kw_only=True, slots=True)
class HumanMark:
    """What one person gave an item of a run: a share 0..1 of its points, None where it does not apply."""

    key: RunKey
    item_id: str
    rater: str
    share: float | None


def blind_name(meta: ExperimentMeta, key: RunKey) -> str:
    """A name of a run that says nothing of its subtest; the same in the experiment and in all its rejudgings."""
    text = "\0".join((meta.case(key.case_id).digest, str(meta.seed), key.label))
    return f"r-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
