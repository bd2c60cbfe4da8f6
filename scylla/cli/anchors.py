"""`--agent oracle` and `--agent nop`: what they need, and what they leave out."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence

from scylla.adapters.cli import Adapter, InstalledCli
from scylla.config.digest import digest_reference
from scylla.domain.case import Case
from scylla.errors import UsageError

_SHOWN_DIGITS = 12


def default_judges(adapter: Adapter) -> tuple[str, ...]:
    """The judge models when the person names none: nobody is paid to judge an agent that asks no model itself."""
    return () if adapter.program is None else (adapter.default_model,)


def require_anchors(arguments: argparse.Namespace, cases: Sequence[Case], adapter: Adapter) -> None:
    """UsageError when the agent cannot do, or nobody can grade, what was asked for; asked before anything starts."""
    if adapter.program is not None:
        return
    if arguments.model:
        raise UsageError(f"--model means nothing to {adapter.name}, which asks no model", fix="leave it out")
    without = [case.id for case in cases if case.reference is None]
    if adapter.reads_reference and without:
        raise UsageError(
            f"no reference to lay for {', '.join(without)}",
            fix="name a folder or a .patch file in `reference:` of test.yaml, or leave these cases out",
        )
    undecided = [case.id for case in cases if not case.rubric.check_items]
    if undecided and not arguments.judge_model:
        raise UsageError(
            f"no check decides anything of {', '.join(undecided)}, and {adapter.name} is judged by nobody",
            fix="give items of the rubric a `run:`, or name a judge with --judge-model (it is paid)",
        )


def version_for(adapter: Adapter, cli: InstalledCli, cases: Sequence[Case]) -> str:
    """The agent's version. That of `oracle` changes with the references: another solution is another agent."""
    if not adapter.reads_reference:
        return cli.version
    digests = sorted((case.id, digest_reference(case.reference)) for case in cases if case.reference is not None)
    return f"{cli.version}+{hashlib.sha256(repr(digests).encode()).hexdigest()[:_SHOWN_DIGITS]}"
