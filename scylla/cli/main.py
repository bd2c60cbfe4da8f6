"""The entry of every command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from scylla.cli.arguments import build_parser
from scylla.cli.output import show_error
from scylla.errors import EXIT_INTERRUPTED, ScyllaError


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code (0 done, 1 gaps, 2 bad input, 3 machine, 4 budget, 130 interrupted)."""
    sys.exit(run_command(sys.argv[1:] if argv is None else argv))


def run_command(argv: Sequence[str]) -> int:
    """The exit code of one command. Each command's module is loaded only when it is asked for."""
    arguments = build_parser().parse_args(argv)
    arguments.argv = tuple(argv)
    try:
        code: int = import_module(arguments.module).execute(arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; nothing more is to be written to it, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        known = _known_error(error)
        if known is None:
            raise
        show_error(known)
        return known.exit_code
    return code


def _known_error(error: BaseException) -> ScyllaError | None:
    """The error itself, or the first of our own among those that concurrent work has raised together."""
    if isinstance(error, ScyllaError):
        return error
    inner = (_known_error(part) for part in getattr(error, "exceptions", ()))
    return next((known for known in inner if known is not None), None)
