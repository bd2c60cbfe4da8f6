"""What a case is graded by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scoring(str, Enum):
    """`BINARY` items get all their points or none; `SCALED` ones any share of them."""

    BINARY = "binary"
    SCALED = "scaled"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextMatch:
    """Conditions on a text; those that are None are not asked. `pattern` is a Python regular expression (search)."""

    equals: str | None = None
    contains: str | None = None
    pattern: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FileMatch:
    """A condition on one file of the workspace; `path` is relative to it."""

    path: str
    exists: bool = True
    text: TextMatch | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A shell command that decides an item, and what must hold of it. All conditions must hold."""

    run: str
    timeout_s: float = 60.0
    exit_code: int | None = 0
    stdout: TextMatch | None = None
    stderr: TextMatch | None = None
    files: tuple[FileMatch, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One line of a rubric. `check` is None for an item that judges decide.

    `na_condition` says when the item does not apply; without it a judge may not leave the item out.
    """

    id: str
    text: str
    points: float
    scoring: Scoring
    check: Check | None = None
    na_condition: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Category:
    """A named group of items; `weight` is its share of the score (relative to the other categories)."""

    name: str
    weight: float
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rubric:
    """Categories and the thresholds. A `requirements` rubric is one category whose points are the weights.

    `grade_scale` is a tuple of (grade, lowest score), highest first. `closing_message`: judges see what the agent said
    at its end.
    """

    categories: tuple[Category, ...]
    pass_threshold: float
    grade_scale: tuple[tuple[str, float], ...]
    closing_message: bool = True

    @property
    def items(self) -> tuple[Item, ...]:
        """All items in the order of the file."""
        return tuple(item for category in self.categories for item in category.items)

    @property
    def check_items(self) -> tuple[Item, ...]:
        """The items a command decides."""
        return tuple(item for item in self.items if item.check is not None)

    @property
    def judge_items(self) -> tuple[Item, ...]:
        """The items judges decide."""
        return tuple(item for item in self.items if item.check is None)


DEFAULT_GRADE_SCALE = (("S", 1.00), ("A", 0.80), ("B", 0.60), ("C", 0.40), ("D", 0.20), ("F", 0.0))
