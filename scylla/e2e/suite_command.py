"""The command that runs a repository's tests and writes a JUnit report."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scylla.config.tests_named import javascript_tests, main_language, python_tests, roots_of_tests
from scylla.e2e.environment import absolute_entries, unknown_first_word
from scylla.errors import MachineError, UsageError
from scylla.executor.process import run_captured
from scylla.workspace.history import Commit, read_file

REPORT = "{report}"

_MOST_ROOTS = 40
_PROBE_TIMEOUT_S = 60.0
_BY_HAND = "give the command that runs the tests: --test-command 'your-runner --junit={report} tests'"
_RELATIVE_IMPORT = re.compile(r"^\s*from\s+\.", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteCommand:
    """A shell command with `{report}` where the report's path belongs, and the programs that it needs."""

    run: str
    requires: tuple[str, ...]


def given_command(text: str, search_path: str) -> SuiteCommand:
    """The person's own command; UsageError when it does not say where the report goes."""
    if REPORT not in text:
        raise UsageError(
            f"the test command {text!r} does not say where it writes its report",
            fix="put {report} where the path of the JUnit file belongs",
        )
    if missing := unknown_first_word(text, search_path):
        raise MachineError(f"{missing} is not on the PATH of checks", fix=f"install {missing}, or correct the command")
    first = text.split(maxsplit=1)[0]
    is_program = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", first) and _find(first, search_path)
    return SuiteCommand(run=text, requires=(first,) if is_program else ())


async def detect_command(
    commit: Commit, hidden: Sequence[str], visible: Sequence[str], *, search_path: str
) -> SuiteCommand:
    """The command for all tests of the commit, from the language of its hidden ones; UsageError when none is known."""
    tests = sorted({*hidden, *visible})
    language = main_language(hidden)
    if language == "python" and python_tests(tests):
        return await _python(commit, hidden, tests, search_path)
    if language == "javascript" and (scripts := javascript_tests(tests)):
        return await _node(commit, scripts, search_path)
    raise UsageError(f"it is not known how to run tests in {language or 'these files'}", fix=_BY_HAND)


async def _python(commit: Commit, hidden: Sequence[str], tests: Sequence[str], search_path: str) -> SuiteCommand:
    python = _find("python3", search_path)
    if python is None:
        raise MachineError("python3 is not on the PATH of checks", fix="install it, or give --test-command")
    roots = _roots(python_tests(hidden), python_tests(tests))
    sources = ["src"] if any(path.startswith("src/") and path.endswith(".py") for path in commit.files_after) else []
    env = {"HOME": "/", "PATH": search_path}
    argv = [python, "-I", "-c", "import pytest"]
    probe = await run_captured(argv, cwd=commit.repository, env=env, timeout_s=_PROBE_TIMEOUT_S)
    if probe.exit_code == 0:
        start = 'PYTHONPATH="src:$PYTHONPATH" ' if sources else ""
        run = f"{start}python3 -m pytest -q --continue-on-collection-errors --junitxml={REPORT} {shlex.join(roots)}"
        return SuiteCommand(run=run, requires=("python3", "pytest") if _find("pytest", search_path) else ("python3",))
    folders = await _unittest_folders(commit, roots)
    run = f'python3 -I "$CHECK_TOOLS/run_unittest.py" {REPORT} {shlex.join([*folders, *sources])}'
    return SuiteCommand(run=run, requires=("python3",))


def _roots(hidden: Sequence[str], tests: Sequence[str]) -> tuple[str, ...]:
    """Where tests are; those of the hidden ones alone where there are too many for one command."""
    roots = roots_of_tests(tests)
    return roots if len(roots) <= _MOST_ROOTS else roots_of_tests(hidden)


async def _unittest_folders(commit: Commit, roots: Sequence[str]) -> list[str]:
    """The folders to load from; tests that import beside themselves need the one above their packages."""
    folders = {str(Path(root).parent) if root in commit.files_after else root for root in roots}
    tops = set()
    for folder in folders:
        inside = [path for path in python_tests(commit.files_after) if folder == "." or path.startswith(f"{folder}/")]
        relative = [path for path in inside if _RELATIVE_IMPORT.search(await read_file(commit, path))]
        top = Path(folder)
        while relative and str(top) != "." and str(top / "__init__.py") in commit.files_after:
            top = top.parent
        tops.add(str(top))
    return ["."] if "." in tops else sorted(tops)


async def _node(commit: Commit, scripts: Sequence[str], search_path: str) -> SuiteCommand:
    texts = [await read_file(commit, path) for path in scripts]
    if not any("node:test" in text for text in texts):
        raise UsageError("the JavaScript tests do not use node:test, and their runner is not known", fix=_BY_HAND)
    if _find("node", search_path) is None:
        raise MachineError("node is not on the PATH of checks", fix="install Node.js 20 or later")
    own = [path for path, text in zip(scripts, texts) if "node:test" in text]  # noqa: B905
    options = f"--test --test-reporter=junit --test-reporter-destination={REPORT}"
    return SuiteCommand(run=f"node {options} {shlex.join(own)}", requires=("node",))


def _find(program: str, search_path: str) -> str | None:
    return shutil.which(program, path=absolute_entries(search_path))
