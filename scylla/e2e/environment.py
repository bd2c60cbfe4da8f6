"""What checks run in: the environment of their commands, and the programs they need."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scylla.domain.case import Case

TOOLS = Path(__file__).with_name("tools")
"""What every check finds in $CHECK_TOOLS."""

_GIT = {"core.fsmonitor": "false", "core.hooksPath": os.devnull, "core.pager": "cat", "safe.directory": "*"}
_PROGRAM = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*=\S*\s+)*([A-Za-z_][A-Za-z0-9._+-]*)(?=\s|$)")
_SHELL_WORDS = frozenset(
    {
        "alias", "bg", "break", "case", "cd", "command", "continue", "echo", "eval", "exec", "exit", "export", "false",
        "fg", "for", "getopts", "hash", "if", "jobs", "kill", "local", "printf", "pwd", "read", "readonly", "return",
        "set", "shift", "test", "times", "trap", "true", "type", "ulimit", "umask", "unset", "until", "wait", "while",
    }
)  # fmt: skip


def check_environment(*, search_path: str, home: Path, temp: Path, tools: Path, folder: Path) -> Mapping[str, str]:
    """The whole environment of a check: nothing in the workspace, or in a home, decides what its command starts.

    `folder` holds the graded copy and everything beside it.
    """
    env = {
        "PATH": absolute_entries(search_path),
        "HOME": str(home),
        "TMPDIR": str(temp),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "CHECK_TOOLS": str(tools),
        "PYTHONPATH": str(tools),
        "PYTHONNOUSERSITE": "1",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        # The options in a configuration file of the workspace could leave tests out or load anything.
        "PYTEST_ADDOPTS": "-o addopts= -p no:cacheprovider",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CEILING_DIRECTORIES": str(folder),
        "GIT_CONFIG_COUNT": str(len(_GIT)),
    }
    for number, (key, value) in enumerate(_GIT.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def absolute_entries(search_path: str) -> str:
    """A PATH without the entries that depend on the working folder."""
    return os.pathsep.join(entry for entry in search_path.split(os.pathsep) if entry.startswith("/"))


def missing_programs(case: Case, search_path: str) -> tuple[tuple[str, str], ...]:
    """What needs a program that is not there, and the program: a check's id, or the case's."""
    needs = [(f"case {case.id}", program) for program in case.requires]
    for item in case.rubric.check_items:
        needs += [(f"check {item.id}", program) for program in (item.check.requires if item.check else ())]
    missing = set(_not_found((program for _, program in needs), search_path))
    return tuple((who, program) for who, program in needs if program in missing)


def unknown_first_word(command: str, search_path: str) -> str | None:
    """The program that a shell command begins with when there is none of that name; None in every other case.

    This asks the case's own words and the machine, never the exit code: a work that ends with 127 proves nothing.
    """
    found = _PROGRAM.match(command.lstrip())
    if found is None or found[1] in _SHELL_WORDS or command[found.end() :].lstrip().startswith("("):
        return None
    return next(_not_found([found[1]], search_path), None)


def _not_found(programs: Iterable[str], search_path: str) -> Iterator[str]:
    path = absolute_entries(search_path)
    return (program for program in programs if shutil.which(program, path=path) is None)
