"""A picture of the marks: one row for each rubric item, one line of dots for each judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import fmean

from scylla.domain.experiment import ExperimentMeta
from scylla.domain.record import RunRecord
from scylla.stats.judges import ItemAgreement, JudgesSummary
from scylla.stats.verdicts import item_marks, judge_models, judged_runs

MOST_ROWS = 40
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Told apart with every kind of colour vision: M. Okabe and K. Ito (2008)."""

_GREY, _LIGHT, _MARKED = "#555555", "#d0d0d0", "#fff8e6"
_WIDTH, _LEFT, _RIGHT = 960, 340, 740
_LANE, _ROW_GAP, _HEAD = 14, 12, 72
_SMALLEST_DOT, _LARGEST_DOT = 2.0, 6.5


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """`marks` are those of each judge, as shares of the item's points."""

    item: ItemAgreement
    marks: tuple[tuple[float, ...], ...]

    @property
    def height(self) -> int:
        return len(self.marks) * _LANE + _ROW_GAP


def judge_picture(meta: ExperimentMeta, records: Sequence[RunRecord], judges: JudgesSummary) -> str | None:
    """An SVG of the marks by item and judge, the largest differences first; None with fewer than two judges.

    A dot is a mark that a judge gave, its area how often; the bar is the judge's mean. MOST_ROWS items at most.
    """
    models = judge_models(meta, records)
    rows = _rows(meta, records, judges, models)
    if len(models) < 2 or not rows:
        return None
    shown = rows[:MOST_ROWS]
    bottom = _HEAD + sum(row.height for row in shown)
    title = f"Marks by item and judge: {meta.name}{' (offline model)' if meta.conditions.offline else ''}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{bottom + 44}" '
        f'viewBox="0 0 {_WIDTH} {bottom + 44}" role="img" font-family="Helvetica, Arial, sans-serif">',
        f"<title>{_safe(title)}</title>",
        f'<rect width="{_WIDTH}" height="{bottom + 44}" fill="#ffffff"/>',
        _text(16, 24, title, size=15, weight="bold"),
        *_legend(models),
        _text(_RIGHT + 72, _HEAD - 8, "alpha", size=11, colour=_GREY, anchor="end"),
        _text(_RIGHT + 144, _HEAD - 8, "difference", size=11, colour=_GREY, anchor="end"),
    ]
    tops = [_HEAD + sum(row.height for row in shown[:place]) for place in range(len(shown))]
    parts += [_band(row, top) for row, top in zip(shown, tops, strict=True) if row.item.needs_rewriting]
    parts += _axis(bottom)
    for row, top in zip(shown, tops, strict=True):
        parts += _draw_row(row, top, with_case=len(judges.cases) > 1)
    left_out = f"; {len(rows) - len(shown)} more items are not shown" if len(rows) > len(shown) else ""
    note = f"A dot is a mark, its area how often it was given; the bar is the judge's mean{left_out}."
    parts.append(_text(16, bottom + 34, note, size=11, colour=_GREY))
    return "\n".join([*parts, "</svg>", ""])


def _rows(
    meta: ExperimentMeta, records: Sequence[RunRecord], judges: JudgesSummary, models: Sequence[str]
) -> list[_Row]:
    rows = []
    for case in judges.cases:
        runs = judged_runs(case.case_id, models, records)
        items = {item.id: item for item in meta.case(case.case_id).rubric.judge_items}
        rows += [_Row(item=item, marks=item_marks(items[item.item_id], runs)) for item in case.items if runs]
    marked = [row for row in rows if sum(map(bool, row.marks)) > 1]
    return sorted(marked, key=lambda row: (-(row.item.difference or 0.0), row.item.case_id, row.item.item_id))


def _band(row: _Row, top: int) -> str:
    return f'<rect x="8" y="{top + 1}" width="{_WIDTH - 16}" height="{row.height - 2}" fill="{_MARKED}"/>'


def _draw_row(row: _Row, top: int, *, with_case: bool) -> list[str]:
    item = row.item
    name = f"{item.case_id} · {item.item_id}" if with_case else item.item_id
    middle = top + row.height / 2
    alpha = "-" if item.alpha.value is None else f"{item.alpha.value:.2f}"
    difference = "-" if item.difference is None else f"{item.difference:.2f}"
    parts = [
        _text(16, middle - 3, _short(name, 38), size=12, weight="bold"),
        _text(16, middle + 12, _short(item.text, 48), size=11, colour=_GREY),
        _text(_RIGHT + 72, middle + 4, alpha, size=12, anchor="end"),
        _text(_RIGHT + 144, middle + 4, difference, size=12, anchor="end"),
    ]
    if item.needs_rewriting:
        parts.append(_text(_WIDTH - 16, middle + 4, "rewrite", size=11, anchor="end", colour="#8a5a00"))
    for place, marks in enumerate(row.marks):
        parts += _draw_lane(marks, top + _ROW_GAP / 2 + (place + 0.5) * _LANE, _COLOURS[place % len(_COLOURS)])
    return parts


def _draw_lane(marks: Sequence[float], y: float, colour: str) -> list[str]:
    parts = [f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_LIGHT}"/>']
    if not marks:
        return parts
    counts = Counter(round(mark, 2) for mark in marks)
    for mark, count in sorted(counts.items()):
        radius = _SMALLEST_DOT + (_LARGEST_DOT - _SMALLEST_DOT) * (count / len(marks)) ** 0.5
        parts.append(f'<circle cx="{_x(mark):.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.45"/>')
    x = _x(fmean(marks))
    parts.append(f'<rect x="{x - 1.5:.1f}" y="{y - 7:.1f}" width="3" height="14" fill="{colour}"/>')
    return parts


def _legend(models: Sequence[str]) -> list[str]:
    parts, x = [], 16.0
    for place, model in enumerate(models):
        name = _short(model, 28)
        parts.append(f'<circle cx="{x + 5:.1f}" cy="44" r="5" fill="{_COLOURS[place % len(_COLOURS)]}"/>')
        parts.append(_text(x + 15, 48, name, size=12))
        x += 30 + 7 * len(name)
    return parts


def _axis(bottom: int) -> list[str]:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _x(share)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{_HEAD}" y2="{bottom}" stroke="{_LIGHT}" stroke-dasharray="2 3"/>')
        parts.append(_text(x, bottom + 14, f"{100 * share:.0f} %", size=11, colour=_GREY, anchor="middle"))
    return parts


def _x(share: float) -> float:
    return _LEFT + share * (_RIGHT - _LEFT)


def _text(
    x: float, y: float, text: str, *, size: int, colour: str = "#111111", weight: str = "normal", anchor: str = "start"
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{_safe(text)}</text>'


def _short(text: str, most: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def _safe(text: str) -> str:
    """Text from anywhere, without what XML forbids."""
    return escape("".join(character if character.isprintable() else " " for character in text))
