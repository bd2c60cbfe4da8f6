"""The entry of every command."""

from __future__ import annotations

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
    except ScyllaError as error:
        show_error(error)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code
