"""What people read (standard error) and what programs read (standard output)."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from scylla.domain.problem import Problem, Severity
from scylla.errors import ProblemsFound, ScyllaError


def say(text: str = "") -> None:
    """Text for people; what agents, judges and servers wrote in it cannot command the terminal."""
    print(printable(text), file=sys.stderr, flush=True)  # noqa: T201


def printable(text: str) -> str:
    """The text without control and direction characters; line breaks stay."""
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def print_json(document: object) -> None:
    """One JSON document for programs, in UTF-8 whatever the locale."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.flush()
    # What UTF-8 cannot hold (half of a surrogate pair) becomes an escape, which JSON reads as the same.
    sys.stdout.buffer.write(f"{text}\n".encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def show_error(error: ScyllaError) -> None:
    """What, why, and what to do next."""
    if isinstance(error, ProblemsFound):
        show_problems(error.problems)
    say(f"scylla: {error.message}")
    if error.fix:
        say(f"  → {error.fix}")


def show_problems(problems: Iterable[Problem]) -> None:
    """All problems, file by file, errors first."""
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    for file, found in by_file.items():
        say(file)
        for problem in sorted(found, key=lambda entry: entry.severity is not Severity.ERROR):
            place = f"{problem.key}: " if problem.key else ""
            say(f"  {problem.severity.value}: {place}{problem.reason}")
            if problem.fix:
                say(f"    → {problem.fix}")


def stop_on_errors(problems: Sequence[Problem]) -> None:
    """Show warnings and go on; raise ProblemsFound with all problems when any is an error."""
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ProblemsFound(problems)
    show_problems(problems)


def command_again(argv: Sequence[str]) -> str:
    """The command line that continues this one: the same program, the same words without `--fresh`."""
    program = Path(sys.argv[0])
    words = [word for word in argv if word != "--fresh"]
    if program.name == "__main__.py":
        start = [_as_typed("python", Path(sys.executable)), "-m", "scylla"]
    elif program.suffix == ".py":
        start = [_as_typed("python", Path(sys.executable)), _from_here(program)]
        words = words[1:] if words[:1] == ["run"] else words
    else:
        start = [_as_typed("scylla", program)]
    return shlex.join([*start, *words])


def money(cost_usd: float | None) -> str:
    """An amount in US dollars for a table; `?` when it is not known."""
    if cost_usd is None:
        return "?"
    return f"${cost_usd:.2f}" if cost_usd >= 10 else f"${cost_usd:.4f}"


def span(duration_s: float | None) -> str:
    """A duration for a table."""
    if duration_s is None:
        return "-"
    if duration_s < 100:
        return f"{duration_s:.1f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def _as_typed(name: str, program: Path) -> str:
    """The name alone where the shell finds that very program under it."""
    found = shutil.which(name)
    same = found is not None and Path(os.path.abspath(found)) == Path(os.path.abspath(program))  # noqa: PTH100
    return name if same else _from_here(program)


def _from_here(path: Path) -> str:
    """The path, from the current folder when it lies below it. A link stays one: that of a venv's Python matters."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)
