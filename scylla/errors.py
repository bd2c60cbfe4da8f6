"""Every error that ends a command, each with its exit code.

    ScyllaError
    ├── UsageError          2   bad arguments or files
    │   └── ProblemsFound   2   the same, as a list of problems
    ├── MachineError        3   the machine lacks something
    └── StoreError          3   an experiment folder cannot be read or written

What happened to a *run* is a value (`scylla.domain.outcome`), never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence

from scylla.domain.problem import Problem

EXIT_OK = 0
EXIT_GAPS = 1
EXIT_USAGE = 2
EXIT_MACHINE = 3
EXIT_BUDGET = 4
EXIT_INTERRUPTED = 130


class ScyllaError(Exception):
    """Ends the command with `exit_code`; `fix` says what to do next."""

    exit_code = EXIT_MACHINE

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class UsageError(ScyllaError):
    """The arguments or the files they name cannot be used."""

    exit_code = EXIT_USAGE


class ProblemsFound(UsageError):
    """The files have problems; all of them are in `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problem(s) found", fix="mend them and run the command again")
        self.problems = tuple(problems)


class MachineError(ScyllaError):
    """The machine lacks something: an agent CLI, a login, disk space, git."""


class StoreError(ScyllaError):
    """The experiment folder cannot be opened, read or written."""
