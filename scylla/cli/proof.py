"""`scylla check --run`: can the cases tell their own solution from nothing?"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator, Sequence

import anyio
from rich.table import Table
from rich.text import Text

from scylla.adapters.anchors import NOP
from scylla.cli.console import open_console, plain
from scylla.cli.machine import find_cli, network_variables, search_path, work_folder
from scylla.cli.output import printable, say, span
from scylla.config.cases import CASE_FILE
from scylla.config.findings import shown
from scylla.domain.anchor import EMPTY_MOST_SCORE, REFERENCE_LEAST_SCORE, AnchorRun, CaseProof, ScoreRange
from scylla.domain.case import Case
from scylla.domain.problem import Problem, Severity
from scylla.e2e.anchors import ProofGrounds, prove_cases

_SLOW_S = 30.0
_OUTPUT_LINES = 12


def prove(cases: Sequence[Case], arguments: argparse.Namespace) -> tuple[CaseProof, ...]:
    """The checks of every case on both ends of the scale; no agent CLI, login or network is needed for it."""
    return anyio.run(_prove, cases, arguments)


async def _prove(cases: Sequence[Case], arguments: argparse.Namespace) -> tuple[CaseProof, ...]:
    work = work_folder(arguments.work_dir)
    runs = sum(1 if case.reference is None else 2 for case in cases)
    done = 0

    def told(text: str) -> None:
        nonlocal done
        done += 1
        say(f"[{done}/{runs}] {text}")

    grounds = ProofGrounds(
        work=work,
        scratch=work / "scratch" / secrets.token_hex(8),
        search_path=search_path(os.environ),
        cli=await find_cli(NOP, os.environ),
        network=network_variables(os.environ),
        repeats=arguments.repeat or 1,
        told=told,
    )
    return await prove_cases(cases, grounds)


def faults(proof: CaseProof) -> Iterator[Problem]:
    """What is wrong with a case: what, why, what next. Nothing for what this machine alone lacks."""
    for reason, fix, key in (*_laying(proof), *_scores(proof), *_steadiness(proof)):
        yield Problem(file=shown(proof.case.folder / CASE_FILE), key=key, reason=reason, fix=fix)
    if proof.case.reference is None:
        yield Problem(
            file=shown(proof.case.folder / CASE_FILE),
            key="reference",
            reason="there is no solution, so nothing shows that the checks can be passed",
            fix="Name a folder or a .patch file that solves the task",
            severity=Severity.WARNING,
        )
    elif proof.tells_apart and not proof.settles:
        yield Problem(
            file=shown(proof.case.folder / CASE_FILE),
            key="",
            reason="judges can put the empty solution above the reference: checks decide too little",
            fix="Let checks decide more of the rubric's weight",
            severity=Severity.WARNING,
        )


def is_sound(proof: CaseProof) -> bool:
    """True when its checks ran and nothing is wrong with it."""
    return not proof.missing and not any(problem.severity is Severity.ERROR for problem in faults(proof))


def show_proofs(proofs: Sequence[CaseProof]) -> None:
    """A table for people, and the output of checks that the reference fails."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("case", no_wrap=True)
    for name in ("reference", "empty", "checks", "idle", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for proof in proofs:
        table.add_row(*_row(proof))
    open_console(sys.stderr).print(table)
    say("reference and empty: the score with no points – with all points for what judges decide. idle: checks that")
    say("give both the same, as those do that guard what worked before.")
    for proof in proofs:
        for mark in proof.failed:
            say(f"{proof.case.id}: check {mark.item_id} on the reference: {mark.reason}")
            for line in mark.evidence.strip().splitlines()[-_OUTPUT_LINES:]:
                say(f"    {printable(line)}")
        slow = [f"{item_id} {span(duration_s)}" for item_id, duration_s in _longest(proof) if duration_s >= _SLOW_S]
        if slow:
            say(f"{proof.case.id}: slow checks: {', '.join(slow)}")


def describe(proof: CaseProof) -> dict[str, object]:
    """The proof for programs. Scores are pairs: with no points, with all points for what judges decide."""
    longest_s = dict(_longest(proof))
    unsteady = {*proof.empty.unsteady, *(proof.reference.unsteady if proof.reference else ())}
    idle = set(proof.idle)
    return {
        "case": proof.case.id,
        "ok": is_sound(proof),
        "reference_score": _pair(proof.reference_range),
        "empty_score": _pair(proof.empty_range),
        "tells_apart": proof.tells_apart,
        "settles_without_judges": proof.settles,
        "missing": proof.missing,
        "checks": [
            {
                "item": item.id,
                "maximum": item.points,
                "reference_points": _all_points(proof.reference, item.id),
                "empty_points": _all_points(proof.empty, item.id),
                "decides": None if proof.tells_apart is None else item.id not in idle,
                "is_flaky": item.id in unsteady,
                "longest_s": longest_s.get(item.id),
            }
            for item in proof.case.rubric.check_items
        ],
        "judge_items": [item.id for item in proof.case.rubric.judge_items],
        "failed_on_reference": [
            {"item": mark.item_id, "reason": mark.reason, "output": mark.evidence} for mark in proof.failed
        ],
    }


def _laying(proof: CaseProof) -> Iterator[tuple[str, str, str]]:
    if proof.empty.fault:
        yield proof.empty.fault, "Mend the source", "source"
    if proof.reference is None:
        return
    if proof.reference.fault:
        yield proof.reference.fault, "Make it anew: `git diff` against the pinned source gives a patch", "reference"
    elif not proof.reference.files_changed:
        yield "the reference changes nothing", "Let it hold the files of a solution", "reference"


def _scores(proof: CaseProof) -> Iterator[tuple[str, str, str]]:
    reference, empty = proof.reference_range, proof.empty_range
    if reference is not None and _is_below(reference.highest, REFERENCE_LEAST_SCORE):
        failed = "; ".join(f"{mark.item_id}: {mark.reason}" for mark in proof.failed)
        reason = f"the reference scores {reference.highest:.2f}, less than {REFERENCE_LEAST_SCORE:.2f} ({failed})"
        yield reason, "Mend the solution, or the checks that it fails", "reference"
    if empty is not None and _is_below(EMPTY_MOST_SCORE, empty.lowest):
        reason = f"an empty solution scores {empty.lowest:.2f}, more than {EMPTY_MOST_SCORE:.2f}"
        reason += f" (points from {', '.join(proof.unearned)})"
        yield reason, "Let these checks also ask for something that only the work brings", "validation.rubric_file"
    if proof.tells_apart is False:
        reason = "no check tells the reference from an empty solution"
        fix = "Give items of the rubric a `run:` that holds for a solution and fails without one"
        yield reason, fix, "validation.rubric_file"


def _steadiness(proof: CaseProof) -> Iterator[tuple[str, str, str]]:
    for where, run in (("the reference", proof.reference), ("the untouched workspace", proof.empty)):
        for item_id in run.unsteady if run else ():
            points = ", ".join(f"{value:g}" for value in run.points(item_id)) if run else ""
            reason = f"check {item_id} does not always say the same of {where} (points: {points})"
            fix = "Take out what differs between runs: time, order, randomness, the network"
            yield reason, fix, "validation.rubric_file"


def _row(proof: CaseProof) -> tuple[str | Text, ...]:
    if proof.missing:
        said, style = f"not run: {proof.missing}", "yellow"
    elif is_sound(proof):
        said, style = ("ok" if proof.reference else "no reference"), ("green" if proof.reference else "yellow")
    else:
        said, style = "not sound, see below", "bold red"
    return (
        plain(proof.case.id),
        _range(proof.reference_range),
        _range(proof.empty_range),
        str(len(proof.case.rubric.check_items)),
        str(len(proof.idle)) if proof.reference else "-",
        span(sum(duration_s for _, duration_s in _longest(proof))),
        plain(said, style=style),
    )


def _longest(proof: CaseProof) -> list[tuple[str, float]]:
    """How long each check took at most, on either end."""
    longest_s: dict[str, float] = {}
    for run in (proof.reference, proof.empty):
        for item_id, duration_s in run.durations_s if run else ():
            longest_s[item_id] = max(duration_s, longest_s.get(item_id, 0.0))
    return list(longest_s.items())


def _all_points(run: AnchorRun | None, item_id: str) -> list[float]:
    return [mark.points or 0.0 for marks in (run.marks if run else ()) for mark in marks if mark.item_id == item_id]


def _pair(found: ScoreRange | None) -> list[float] | None:
    return None if found is None else [found.lowest, found.highest]


def _range(found: ScoreRange | None) -> str:
    return "-" if found is None else f"{found.lowest:.2f} – {found.highest:.2f}"


def _is_below(score: float, least: float) -> bool:
    return score < least - 1e-9
