"""Which files of a repository are tests, told by their paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

TEST_FOLDERS = frozenset({"test", "tests", "spec", "specs", "__tests__", "__mocks__", "__snapshots__"})
_NAMES = re.compile(
    r"test_.*\.py|.*_test\.py|tests?\.py|conftest\.py"  # Python
    r"|.*[._-](?:test|spec)\.[cm]?[jt]sx?|tests?\.[cm]?[jt]sx?|test-.*\.[cm]?[jt]sx?"  # JavaScript, TypeScript
    r"|.*_test\.go|.*_tests?\.rs|tests?\.rs"
    r"|.*\.bats|(?:.*[_-])?tests?(?:[_-].*)?\.(?:sh|bash)|.*\.t"
    r"|.*_(?:test|spec)\.rb|.*Tests?\.(?:java|kt|cs|php|swift|scala)|(?:test_.*|.*_test)\.(?:c|cc|cpp)|.*_test\.exs"
)
_JS = frozenset({".js", ".mjs", ".cjs"})


def is_test_path(path: str) -> bool:
    """True for what lies in a folder of tests, and for a file with the name of one."""
    *folders, name = path.split("/")
    return any(folder.lower() in TEST_FOLDERS for folder in folders) or bool(_NAMES.fullmatch(name))


def roots_of_tests(paths: Iterable[str]) -> tuple[str, ...]:
    """The folders of tests that hold these paths, and the paths that are in none; the outermost folder counts."""
    roots = set()
    for path in paths:
        parts = path.split("/")
        depth = next((i for i, part in enumerate(parts[:-1], 1) if part.lower() in TEST_FOLDERS), len(parts))
        roots.add("/".join(parts[:depth]))
    return tuple(sorted(roots))


def python_tests(paths: Iterable[str]) -> tuple[str, ...]:
    """The files that test runners of Python load by themselves."""
    return tuple(sorted(path for path in paths if re.fullmatch(r"test.*\.py|.*_test\.py", PurePosixPath(path).name)))


def javascript_tests(paths: Iterable[str]) -> tuple[str, ...]:
    """The files that `node --test` is to run: those named as tests; where no name says so, all in folders of tests."""
    scripts = sorted(path for path in paths if PurePosixPath(path).suffix in _JS)
    named = [path for path in scripts if _NAMES.fullmatch(PurePosixPath(path).name)]
    return tuple(named or scripts)


def main_language(paths: Sequence[str]) -> str:
    """The language most of these files are written in; empty when none is known."""
    known = {
        ".py": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascript",
        ".ts": "typescript", ".tsx": "typescript", ".go": "go", ".rs": "rust", ".sh": "shell", ".bash": "shell",
        ".bats": "shell", ".rb": "ruby", ".java": "java", ".kt": "kotlin", ".c": "c", ".cc": "c++", ".cpp": "c++",
        ".cs": "c#", ".php": "php", ".swift": "swift", ".scala": "scala", ".ex": "elixir", ".exs": "elixir",
    }  # fmt: skip
    found = [known[suffix] for path in paths if (suffix := PurePosixPath(path).suffix) in known]
    return max(sorted(set(found)), key=found.count, default="")
