"""The scenarios of the offline model, kept with the experiment that they were played in."""

from __future__ import annotations

from pathlib import Path

from scylla.config.cases import OFFLINE_FILE
from scylla.domain.plan import Plan
from scylla.store.files import write_whole


def keep_scenarios(plan: Plan, folder: Path) -> None:
    """Copy the scenario of each case into the experiment folder, so that its runs can be judged again without it."""
    if not plan.conditions.offline:
        return
    for case in plan.cases:
        kept = kept_scenario(folder, case.id)
        if case.offline_file is not None and not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_whole(kept, case.offline_file.read_text(encoding="utf-8"))


def kept_scenario(folder: Path, case_id: str) -> Path:
    """Where the scenario of a case lies in an experiment folder, if it has any."""
    return folder / case_id / OFFLINE_FILE
