"""The two ends of the scale: `oracle` lays the case's own solution, `nop` changes nothing. Neither asks a model."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from scylla.adapters.cli import Adapter, CliRequest, CliResult
from scylla.domain.outcome import Outcome
from scylla.domain.process import Command, Finished, ProviderAnswer
from scylla.domain.record import CliReport
from scylla.domain.tier import Setup

_LAY_FILES = Path(__file__).with_name("lay_files.py")
_NO_MODEL = "none"
_CLOSING_TEXT = "Done."


def lay_reference(request: CliRequest) -> Command:
    """The case's reference over the workspace: a folder file by file, a patch with `git apply`."""
    reference = request.reference
    assert reference is not None, "a case without a reference is refused before anything starts"
    if reference.is_dir():
        argv: tuple[str, ...] = (str(request.cli.binary), "-I", "-S", str(_LAY_FILES), str(reference))
    else:
        argv = ("git", "apply", "--whitespace=nowarn", str(reference))
    return _command(argv, request)


def change_nothing(request: CliRequest) -> Command:
    """A process that ends at once."""
    return _command((str(request.cli.binary), "-I", "-S", "-c", "pass"), request)


def read_result(
    finished: Finished, _lines: Iterable[bytes], error_text: str, _answer: ProviderAnswer | None
) -> CliResult:
    """Finished, with a closing message that says nothing; crashed where the reference does not fit."""
    if finished.error:
        outcome, detail = Outcome.SANDBOX_FAILED, f"It could not be started: {finished.error}"
    elif finished.timed_out:
        outcome, detail = Outcome.TIMED_OUT, "It was stopped at its time limit."
    elif finished.exit_code != 0:
        said = error_text.strip()[-500:] or f"exit code {finished.exit_code}, signal {finished.signal}"
        outcome, detail = Outcome.CRASHED, f"The reference cannot be laid over the workspace: {said}"
    else:
        outcome, detail = Outcome.FINISHED, ""
    is_error = outcome is not Outcome.FINISHED
    report = CliReport(is_error=is_error, result_text=None if is_error else _CLOSING_TEXT, num_turns=0, cost_usd=0.0)
    return CliResult(outcome=outcome, detail=detail, report=report)


def _undelivered(_setup: Setup, _report: CliReport) -> tuple[str, ...]:
    """Whatever the set-up: there is nobody to read it."""
    return ()


def _command(argv: tuple[str, ...], request: CliRequest) -> Command:
    env = {
        "PATH": request.search_path,
        "HOME": str(request.home),
        "TMPDIR": str(request.temp),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    return Command(argv=argv, cwd=request.workspace, env=env)


ORACLE = Adapter(
    name="oracle",
    program=None,
    default_model=_NO_MODEL,
    required_flags=frozenset(),
    command=lay_reference,
    read_result=read_result,
    undelivered=_undelivered,
    reads_reference=True,
)

NOP = Adapter(
    name="nop",
    program=None,
    default_model=_NO_MODEL,
    required_flags=frozenset(),
    command=change_nothing,
    read_result=read_result,
    undelivered=_undelivered,
)
