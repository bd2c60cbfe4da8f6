"""Judges against people, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scylla.domain.experiment import ExperimentMeta
from scylla.reporting.judges import alpha_document, estimate_document
from scylla.reporting.reports import OFFLINE_WARNING, rendered
from scylla.stats.calibration import Calibration, Errors
from scylla.store.files import write_whole

FORMAT_VERSION = 1


def write_calibration(folder: Path, meta: ExperimentMeta, calibration: Calibration) -> tuple[Path, ...]:
    """Write `calibration.md` and `calibration.json` into the experiment folder and return their paths."""
    text = rendered("calibration.md.j2", meta=meta, calibration=calibration, offline_warning=OFFLINE_WARNING)
    document = calibration_document(meta, calibration)
    write_whole(folder / "calibration.md", text)
    write_whole(folder / "calibration.json", json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return folder / "calibration.md", folder / "calibration.json"


def calibration_document(meta: ExperimentMeta, calibration: Calibration) -> dict[str, Any]:
    """The calibration as JSON values; errors are shares 0..1 of an item's points, unknown is null."""
    return {
        "format_version": FORMAT_VERSION,
        "offline": meta.conditions.offline,
        "name": meta.name,
        "raters": list(calibration.raters),
        "agreement_of_raters": None if calibration.people is None else alpha_document(calibration.people),
        "recommended": calibration.recommended,
        "reason": calibration.reason,
        "by_judge": [
            {**_errors(entry.errors), "cost_per_run_usd": entry.cost_per_run_usd} for entry in calibration.judges
        ],
        "by_item": [
            {"case": entry.case_id, "item": entry.item_id, **_errors(entry.errors)} for entry in calibration.items
        ],
    }


def _errors(errors: Errors) -> dict[str, Any]:
    return {
        "judge": errors.judge,
        "marks": errors.marks,
        "runs": errors.runs,
        "bias": estimate_document(errors.bias),
        "mean_absolute_error": estimate_document(errors.mae),
        "root_mean_squared_error": estimate_document(errors.rmse),
        "alpha": alpha_document(errors.alpha),
        "pearson": errors.pearson,
        "split_marks": errors.split,
    }
