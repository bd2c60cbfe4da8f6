"""Loaded by every Python that a check starts: the workspace cannot stand in for a test runner or the standard library.

`python -m pytest` puts the working folder before everything that is installed. In a process that runs tests, and only
there, the names below come from the installation whenever it has them. Any Python from 3.8 on must be able to run this.
"""

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

_RUNNERS = frozenset({"pytest", "py.test", "unittest"})
_INSTALLED_FIRST = frozenset(getattr(sys, "stdlib_module_names", ())) | {
    "pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli", "py", "xdist",
    "execnet",
}  # fmt: skip


class _InstalledFirst:
    """Finds those names in the path as it was before the working folder came into it."""

    def __init__(self, path: "list[str]") -> None:
        self._path = path

    def find_spec(self, name: str, path: object = None, _target: object = None) -> "ModuleSpec | None":
        """Where the installation has the module; None leaves it to the finders that follow."""
        return PathFinder.find_spec(name, self._path) if path is None and name in _INSTALLED_FIRST else None


def _runs_tests(argv: "list[str]") -> bool:
    words = iter(argv[1:])
    for word in words:
        if word.startswith("-m"):
            return (word[2:] or next(words, "")).split(".")[0] in _RUNNERS
        if word in {"-W", "-X", "--check-hash-based-pycs"}:
            next(words, "")
        elif not word.startswith("-"):
            return os.path.basename(word) in _RUNNERS  # noqa: PTH119 - quick to start
        elif not word.startswith("--") and "m" in word:  # options in one word: -Bm pytest
            return (word.partition("m")[2] or next(words, "")).split(".")[0] in _RUNNERS
        elif word == "-c":
            return False
    return False


def _installed() -> "list[str]":
    """The path without the working folder and what a command has put in front of the installation."""
    added = {os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep)}  # noqa: PTH100
    return [entry for entry in sys.path if os.path.abspath(entry) not in added]  # noqa: PTH100


if _runs_tests(getattr(sys, "orig_argv", sys.argv)):
    sys.meta_path.insert(0, _InstalledFirst(_installed()))
