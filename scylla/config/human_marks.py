"""Marks of people in a CSV file → domain types, with every bad row at once."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from scylla.config.findings import Findings, listed, quoted, suggest
from scylla.config.yaml_file import read_text
from scylla.domain.experiment import ExperimentMeta
from scylla.domain.human import HumanMark, blind_name
from scylla.domain.plan import RunKey
from scylla.domain.rubric import Item

LABELS = ("case", "tier", "subtest", "run_number")
TEMPLATE_COLUMNS = ("run", "criterion", "asks", "max_points", "points", "rater")
NOT_APPLICABLE = ("n/a", "na", "not applicable")

_FIX = "Create it; `scylla calibrate DIR --template FILE` writes one to fill in"


def read_human_marks(
    path: Path, meta: ExperimentMeta, keys: Sequence[RunKey], findings: Findings
) -> tuple[HumanMark, ...]:
    """The marks in the file; rows without one are passed over, and every row that cannot be used is a problem.

    A run is named by `run` (a template's blind name) or by `case`, `tier`, `subtest` and `run_number`; the mark is
    `points`, or `score` as a share 0..1. `rater` tells people apart.
    """
    text = read_text(path, findings, fix=_FIX)
    if text is None:
        return ()
    # The lines of a table may also end as on an old Mac.
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    rows = csv.DictReader(io.StringIO(text), delimiter=separator)
    columns = [name.strip() for name in rows.fieldnames or ()]
    rows.fieldnames = columns
    if not _has_columns(path, columns, findings):
        return ()
    reader = _Rows(path=path, meta=meta, keys=keys, findings=findings, comma=separator == ";")
    try:
        for row in rows:
            reader.read(row, f"line {rows.line_num}")
    except csv.Error as error:
        findings.error(path, f"line {rows.line_num}", reason=f"is no CSV ({error})", fix="Correct the row")
    return tuple(reader.marks.values())


def _has_columns(path: Path, columns: Sequence[str], findings: Findings) -> bool:
    errors_before = findings.error_count
    fix = f"Columns: run or {listed(LABELS)}; criterion; points or score; optionally rater"
    if "run" not in columns and not set(LABELS) <= set(columns):
        findings.error(path, "line 1", reason="no column names the run", fix=fix)
    if "criterion" not in columns:
        findings.error(path, "line 1", reason="there is no column criterion", fix=fix)
    if not {"points", "score"} & set(columns):
        findings.error(path, "line 1", reason="there is neither a column points nor a column score", fix=fix)
    return findings.error_count == errors_before


class _Rows:
    """Reads row after row; `marks` are by run, item and rater."""

    def __init__(
        self, *, path: Path, meta: ExperimentMeta, keys: Sequence[RunKey], findings: Findings, comma: bool
    ) -> None:
        self.marks: dict[tuple[RunKey, str, str], HumanMark] = {}
        self._path = path
        self._meta = meta
        self._findings = findings
        self._comma = comma
        self._runs = {blind_name(meta, key): key for key in keys}
        self._labels = {(key.case_id, key.tier, key.subtest, key.run_number): key for key in keys}

    def read(self, row: Mapping[str | None, object], place: str) -> None:
        cells = {name: value.strip() for name, value in row.items() if name and isinstance(value, str)}
        if row.get(None):
            self._error(place, "it has more cells than the head has columns", "Quote cells that hold separators")
            return
        points, score = cells.get("points", ""), cells.get("score", "")
        if not points and not score:
            return
        key = self._key(cells, place)
        item = None if key is None else self._item(key, cells.get("criterion", ""), place)
        if key is None or item is None:
            return
        if points and score:
            self._error(place, "it has points and a score", "Give one of them")
            return
        share = self._share(points, item.points, item, place) if points else self._share(score, 1.0, item, place)
        if isinstance(share, str):
            return
        rater = cells.get("rater", "")
        if (key, item.id, rater) in self.marks:
            self._error(place, f"{item.id} of this run was marked before", "Remove one of the rows, or name the raters")
            return
        self.marks[key, item.id, rater] = HumanMark(key=key, item_id=item.id, rater=rater, share=share)

    def _key(self, cells: Mapping[str, str], place: str) -> RunKey | None:
        name = cells.get("run", "")
        if name:
            key = self._runs.get(name)
            if key is None:
                self._error(place, f"there is no run {quoted(name)} in this experiment", "Copy it from the template")
            return key
        number = cells.get("run_number", "").removeprefix("run_")[:9]
        label = (cells.get("case", ""), cells.get("tier", ""), cells.get("subtest", ""))
        # A spreadsheet turns 00 into 0.
        subtest = label[2].zfill(2) if label[2].isdecimal() else label[2]
        found = self._labels.get((label[0], label[1], subtest, int(number))) if number.isdecimal() else None
        if found is None:
            named = "/".join((*label, number))
            self._error(place, f"there is no run {quoted(named)} in this experiment", "Correct case, tier and numbers")
        return found

    def _item(self, key: RunKey, item_id: str, place: str) -> Item | None:
        rubric = self._meta.case(key.case_id).rubric
        item = next((item for item in rubric.items if item.id == item_id), None)
        if item is None:
            known = [item.id for item in rubric.judge_items]
            self._error(place, f"the rubric of {key.case_id} has no item {quoted(item_id)}", suggest(item_id, known))
        elif item.check is not None:
            self._error(place, f"a command decides {item_id}, not a judge", "Remove the row")
            return None
        return item

    def _share(self, text: str, maximum: float, item: Item, place: str) -> float | str | None:
        """The share, None where the item does not apply; a text when neither can be read."""
        if text.lower() in NOT_APPLICABLE:
            if item.na_condition is None:
                self._error(place, f"{item.id} applies to every run", f"Give it 0 to {maximum:g}")
                return text
            return None
        try:
            value = float(text.replace(",", ".") if self._comma else text)
        except ValueError:
            value = math.nan
        if not 0.0 <= value <= maximum:
            self._error(place, f"{quoted(text)} is no mark for {item.id}", f"Give a number from 0 to {maximum:g}")
            return text
        return value / maximum

    def _error(self, place: str, reason: str, fix: str) -> None:
        self._findings.error(self._path, place, reason=reason, fix=fix)
