"""Problems, collected while files are read."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from scylla.domain.problem import Problem, Severity


class Findings:
    """An ordered collection of problems. Adding never raises; the same problem is kept once."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems in the order they were found."""
        return tuple(self._problems)

    @property
    def error_count(self) -> int:
        """How many of them are errors."""
        return sum(problem.severity is Severity.ERROR for problem in self._problems)

    def error(self, file: Path, key: str, *, reason: str, fix: str) -> None:
        """Add a problem that stops every command."""
        self._problems[Problem(file=shown(file), key=key, reason=reason, fix=fix)] = None

    def warning(self, file: Path, key: str, *, reason: str, fix: str) -> None:
        """Add a problem in spite of which work goes on."""
        problem = Problem(file=shown(file), key=key, reason=reason, fix=fix, severity=Severity.WARNING)
        self._problems[problem] = None


def shown(path: Path) -> str:
    """The path as its author would recognise it: relative when below the working folder, else absolute."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links, Path.absolute keeps `..`
    cwd = str(Path.cwd())
    if absolute == cwd:
        return "."
    return os.path.relpath(absolute, cwd) if absolute.startswith(cwd.rstrip(os.sep) + os.sep) else absolute


def join_key(parts: Iterable[str | int]) -> str:
    """A dotted key path with indices: `items[2].points`."""
    key = ""
    for part in parts:
        if isinstance(part, int):
            key += f"[{part}]"
        else:
            key += f".{part}" if key else part
    return key


def quoted(value: object) -> str:
    """The value in quotes on one line, cut when it is long."""
    text = " ".join(str(value).split())
    return f"'{text[:57]}...'" if len(text) > 60 else f"'{text}'"


def listed(names: Iterable[str]) -> str:
    """The names as a list for a sentence."""
    return ", ".join(names)


def suggest(word: str, known: Sequence[str]) -> str:
    """A sentence that names the nearest known word, or all of them when none is near."""
    lower = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    if nearest:
        return f"Did you mean '{lower[nearest[0]]}'?"
    return f"Known here: {listed(known)}" if known else "Nothing is known here"
