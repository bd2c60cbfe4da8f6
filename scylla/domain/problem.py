"""A finding about a file a person wrote."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """`ERROR` stops every command; `WARNING` is shown and work goes on."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One finding: where (file and key path), what is wrong, what to do.

    `key` is a dotted path with indices (`categories.style.items[2].points`), empty for the whole file.
    """

    file: str
    key: str
    reason: str
    fix: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.reason}. {self.fix}"
