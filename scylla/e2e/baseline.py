"""What the checks of a case say of its untouched workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio

from scylla.domain.case import Case
from scylla.domain.record import Baseline
from scylla.domain.score import ItemMark
from scylla.e2e.checking import run_checks
from scylla.e2e.parts import Parts
from scylla.e2e.sitting import Sitting


async def with_baseline(marks: Sequence[ItemMark], case: Case, parts: Parts, sitting: Sitting) -> tuple[ItemMark, ...]:
    """The marks, each with the points that the untouched workspace gets from the same check.

    Found out once for a case and an experiment, when its first run is graded.
    """
    async with sitting.baselines.setdefault(case.id, anyio.Lock()):
        baseline = parts.store.baseline(case.id) or await _find_out(case, parts)
    before = {mark.item_id: mark.points for mark in baseline.marks}
    return tuple(replace(mark, points_before=before.get(mark.item_id)) for mark in marks)


async def _find_out(case: Case, parts: Parts) -> Baseline:
    untouched = parts.prepared[case.id].folder
    folder = parts.store.folder / "baseline" / case.id
    checked = await run_checks(case, untouched, pinned=untouched, overlay=(), folder=folder, parts=parts)
    baseline = Baseline(case_id=case.id, marks=checked.marks)
    if not checked.problem:
        parts.store.save_baseline(baseline)
    return baseline
