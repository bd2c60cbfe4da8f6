"""What a case is graded by."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
class JsonMatch:
    """Conditions on one value of a JSON text: of a `file` of the workspace, or of `stream` when that is None.

    `pointer` is an RFC 6901 pointer, empty for the whole. `equals` is JSON text, None when it is not asked; its numbers
    may differ by `tolerance`. `at_least` and `at_most` ask for a number.
    """

    file: str | None = None
    stream: str = "stdout"
    pointer: str = ""
    equals: str | None = None
    tolerance: float = 0.0
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportMatch:
    """Conditions on a test report (JUnit XML) that the command writes; tests are named `classname::name`.

    With lists, exactly the tests in them are asked; without, all tests of the report, at least one.
    """

    file: str
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A shell command that decides an item, and what must hold of it. All conditions must hold.

    `requires` are the programs without which it cannot say anything. The `report` of an item that is `SCALED` gives it
    a share of its points.
    """

    run: str
    timeout_s: float = 60.0
    exit_code: int | None = 0
    stdout: TextMatch | None = None
    stderr: TextMatch | None = None
    files: tuple[FileMatch, ...] = ()
    json: tuple[JsonMatch, ...] = ()
    report: ReportMatch | None = None
    requires: tuple[str, ...] = ()


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

    @property
    def decided_by_checks(self) -> Rubric:
        """The rubric without the items that judges decide, and without categories that are empty then."""
        left = (
            replace(category, items=tuple(item for item in category.items if item.check is not None))
            for category in self.categories
        )
        return replace(self, categories=tuple(category for category in left if category.items))


DEFAULT_GRADE_SCALE = (("S", 1.00), ("A", 0.80), ("B", 0.60), ("C", 0.40), ("D", 0.20), ("F", 0.0))
