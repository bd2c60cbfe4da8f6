"""Every argument of every command."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path

from scylla import __version__
from scylla.domain.tier import TIER_IDS

DEFAULT_TIERS = ("T0", "T1")
_RANGE = re.compile(r"(T\d)\.\.(T\d)")
_SUBTEST = re.compile(r"T\d/\d\d")


def build_parser() -> argparse.ArgumentParser:
    """The parser of `scylla`; the chosen command's module name ends up in `module`."""
    parser = argparse.ArgumentParser(
        prog="scylla",
        allow_abbrev=False,
        description="Measure whether a change to a coding agent's set-up makes it better and is worth the money.",
        epilog="Exit codes: 0 every planned run has a result; 1 some have none; 2 bad arguments or files; "
        "3 the machine lacks something; 4 budget reached; 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"scylla {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands)
    _add_compare_setups(commands)
    _add_report(commands)
    _add_rejudge(commands)
    _add_calibrate(commands)
    _add_check(commands)
    _add_tiers(commands)
    _add_cases(commands)
    _add_new(commands)
    _add_doctor(commands)
    return parser


def expand_tiers(words: list[str]) -> tuple[str, ...]:
    """Tier ids in order, each once, from `T0`, `T0..T3` and `all`; ValueError names the word it cannot read."""
    chosen: set[str] = set()
    for word in words:
        spread = _RANGE.fullmatch(word.upper())
        if word.lower() == "all":
            chosen.update(TIER_IDS)
        elif spread and spread[1] in TIER_IDS and spread[2] in TIER_IDS and spread[1] <= spread[2]:
            chosen.update(tier for tier in TIER_IDS if spread[1] <= tier <= spread[2])
        elif word.upper() in TIER_IDS:
            chosen.add(word.upper())
        else:
            raise ValueError(f"{word!r} is no tier; there are {TIER_IDS[0]} to {TIER_IDS[-1]}, ranges (T0..T3) and all")
    return tuple(sorted(chosen))


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _command(commands, "run", "run an experiment; the same command again continues it")
    what = run.add_argument_group("what to run")
    what.add_argument("--tiers", nargs="+", default=list(DEFAULT_TIERS), metavar="TIER", help="default: T0 T1")
    what.add_argument("--subtests", nargs="+", type=_subtest, metavar="T0/03", help="only these subtests")
    what.add_argument("--max-subtests", type=_count, metavar="N", help="the first N subtests of each tier")
    what.add_argument("--tiers-from", type=Path, metavar="DIR", help="your own tiers instead of the built-in ones")
    what.add_argument(
        "--winners-from", type=Path, metavar="DIR", help="an earlier experiment whose winners T5 takes over"
    )

    _add_run_options(run, what)


def _add_compare_setups(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    compare = _command(commands, "compare-setups", "compare set-ups of your own: which one is better, and by how much")
    compare.add_argument(
        "setups",
        nargs="+",
        metavar="SETUP",
        help="a folder with CLAUDE.md, skills, agents, settings or MCP servers; a git ref of such a folder (HEAD~3, "
        "main:agent-setup); or the word none. All are compared with the first",
    )
    compare.set_defaults(tiers=[], subtests=None, max_subtests=None, tiers_from=None, winners_from=None)
    _add_run_options(compare, compare.add_argument_group("what to run"))


def _add_run_options(run: argparse.ArgumentParser, what: argparse._ArgumentGroup) -> None:
    """What every command takes that runs agents."""
    what.add_argument(
        "--tiers-dir",
        nargs="+",
        type=Path,
        required=True,
        metavar="DIR",
        help="case folders (each with a test.yaml), or folders of them",
    )
    what.add_argument("--runs", type=_runs, default=10, metavar="N", help="runs per subtest (default: 10)")
    what.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the order of runs (default: 1)")
    how = run.add_argument_group("how to run it")
    how.add_argument(
        "--agent",
        default="claude-code",
        metavar="NAME",
        help="the agent CLI (default: claude-code), or an anchor that costs nothing: oracle lays the case's reference, "
        "nop changes nothing",
    )
    how.add_argument("--model", metavar="NAME", help="the agent's model (default: that of the adapter)")
    how.add_argument(
        "--judge-model", action="append", metavar="NAME", help="a judge's model; repeat it for more judges"
    )
    how.add_argument(
        "--no-reuse-verdicts",
        action="store_true",
        help="ask a judge again for work it has judged already: dearer, and it shows the judge's own noise",
    )
    how.add_argument("--parallel", type=_count, default=4, metavar="N", help="agents at once (default: 4)")
    how.add_argument("--timeout", type=_seconds, metavar="S", help="seconds per agent (default: the case's)")
    how.add_argument("--retries", type=_count_or_none, default=2, metavar="N", help="further tries (default: 2)")
    how.add_argument(
        "--retry-wait", type=_seconds, default=10.0, metavar="S", help="seconds before the first of them (default: 10)"
    )
    how.add_argument(
        "--offline", action="store_true", help="the built-in offline model; the default where no login is found"
    )

    how.add_argument(
        "--allow-expiry", action="store_true", help="start although the login may end before the experiment does"
    )

    where = run.add_argument_group("where and what to show")
    where.add_argument("--results-dir", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    where.add_argument("--work-dir", type=Path, metavar="DIR", help="where agents work (default: below /var/tmp)")
    where.add_argument("--fresh", action="store_true", help="start a new experiment beside the one that would go on")
    where.add_argument("--dry-run", action="store_true", help="show the plan and stop")
    loudness = where.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="a line for each step")
    loudness.add_argument("-q", "--quiet", action="store_true", help="only errors and the result")
    _add_json(where)


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = _command(commands, "report", "write the reports of an experiment again and show its result")
    report.add_argument("folder", type=Path, metavar="DIR", help="an experiment folder")
    _add_json(report)


def _add_rejudge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rejudge = _command(
        commands, "rejudge", "grade finished runs again (other judges, another rubric) without running agents"
    )
    rejudge.add_argument("folder", type=Path, metavar="DIR", help="an experiment folder; nothing in it is overwritten")
    how = rejudge.add_argument_group("how to judge")
    how.add_argument(
        "--judge-model",
        action="append",
        metavar="NAME",
        help="a judge's model; repeat it for more judges (default: the experiment's)",
    )
    how.add_argument(
        "--rubric", action="append", default=[], metavar="[CASE=]FILE", help="a rubric.yaml instead of the case's"
    )
    how.add_argument("--prompt", type=Path, metavar="FILE", help="instructions for judges instead of the built-in ones")
    how.add_argument(
        "--repeat", type=_count, default=1, metavar="N", help="ask each judge N times, to measure its own noise"
    )
    how.add_argument("--parallel", type=_count, default=4, metavar="N", help="judges at once (default: 4)")
    how.add_argument("--retries", type=_count_or_none, default=2, metavar="N", help="further tries (default: 2)")
    how.add_argument(
        "--retry-wait", type=_seconds, default=10.0, metavar="S", help="seconds before the first of them (default: 10)"
    )
    how.add_argument(
        "--offline", action="store_true", help="the built-in offline model; always so for an offline experiment"
    )
    how.add_argument(
        "--scenario", action="append", default=[], metavar="[CASE=]FILE", help="what the offline model plays"
    )
    how.add_argument(
        "--allow-expiry", action="store_true", help="start although the login may end before the judges do"
    )
    where = rejudge.add_argument_group("where and what to show")
    where.add_argument("--work-dir", type=Path, metavar="DIR", help="where judges work (default: below /var/tmp)")
    where.add_argument("--fresh", action="store_true", help="judge anew although it was done so already")
    where.add_argument("--dry-run", action="store_true", help="show the calls and what they may cost, and stop")
    loudness = where.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="a line for each step")
    loudness.add_argument("-q", "--quiet", action="store_true", help="only errors and the result")
    _add_json(where)


def _add_calibrate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    calibrate = _command(commands, "calibrate", "compare judges with marks that people gave, and with what they cost")
    calibrate.add_argument("folder", type=Path, metavar="DIR", help="an experiment folder, or one of its rejudgings")
    what = calibrate.add_mutually_exclusive_group(required=True)
    what.add_argument("--human", type=Path, metavar="F.csv", help="marks of people: one row for each run and item")
    what.add_argument(
        "--template", type=Path, metavar="F.csv", help="write such a file to fill in: blind rows, in random order"
    )
    calibrate.add_argument("--runs", type=_count, metavar="N", help="with --template: at most N runs (default: all)")
    calibrate.add_argument(
        "--seed", type=int, default=1, metavar="N", help="with --template: seed of the order (default: 1)"
    )
    _add_json(calibrate)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = _command(commands, "check", "validate cases and tiers; every problem at once")
    check.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="case folders, folders of cases, tier folders"
    )
    check.add_argument(
        "--run",
        action="store_true",
        help="run the checks of each case on its reference and on its untouched workspace; nothing is paid",
    )
    check.add_argument("--repeat", type=_count, metavar="N", help="with --run: run them N times, to find flaky checks")
    check.add_argument("--work-dir", type=Path, metavar="DIR", help="with --run: where (default: below /var/tmp)")
    _add_json(check)


def _add_tiers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tiers = _command(commands, "tiers", "list the tiers, the subtests of one, or what a subtest gives an agent")
    tiers.add_argument("what", nargs="?", metavar="T3 or T3/05")
    tiers.add_argument("--tiers-from", type=Path, metavar="DIR", help="your own tiers instead of the built-in ones")
    _add_json(tiers)


def _add_cases(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    cases = _command(commands, "cases", "list the cases in a folder")
    cases.add_argument("paths", nargs="+", type=Path, metavar="DIR")
    _add_json(cases)


def _add_new(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    new = _command(commands, "new", "make a case: from a commit of your own history, or a template to fill in")
    new.add_argument("kind", choices=["case"], metavar="case", help="what to make")
    new.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="the folder to make; it must not exist")
    new.add_argument(
        "--from-commit",
        nargs=2,
        metavar=("REPO", "SHA"),
        help="make it from a commit (a hash, a branch, HEAD~2) of a repository (a path or a git URL): the workspace "
        "is its parent, the task its message, the hidden tests are its tests, which are run here",
    )
    new.add_argument("--to", type=Path, metavar="DIR", help="another way to name the folder (default: the case's id)")
    new.add_argument(
        "--tests",
        nargs="+",
        default=[],
        metavar="GLOB",
        help="with --from-commit: files that are tests although their names do not say so; '!GLOB' for files "
        "that are none",
    )
    new.add_argument(
        "--test-command",
        metavar="CMD",
        help="with --from-commit: what runs the tests; {report} stands for the JUnit file it writes",
    )
    new.add_argument("--id", metavar="ID", help="the case's id (default: from its title)")
    _add_json(new)


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = _command(commands, "doctor", "say whether this machine can run experiments, and what it lacks")
    doctor.add_argument("--results-dir", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    doctor.add_argument("--work-dir", type=Path, metavar="DIR", help="where agents work (default: below /var/tmp)")
    _add_json(doctor)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    description = f"{summary[0].upper()}{summary[1:]}."
    parser = commands.add_parser(name, help=summary, description=description, allow_abbrev=False)
    parser.set_defaults(module=f"scylla.cli.{name.replace('-', '_')}")
    return parser


def _add_json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")


def _number(
    kind: Callable[[str], float], lowest: float, wanted: str, *, highest: float = math.inf
) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return value

    return read


_count = _number(int, 1, "a whole number from 1")
_runs = _number(int, 1, "a whole number from 1 to 10000", highest=10_000)
_count_or_none = _number(int, 0, "a whole number from 0")
_seconds = _number(float, 0.001, "a number of seconds above 0")


def _subtest(text: str) -> str:
    if not _SUBTEST.fullmatch(text.upper()):
        raise argparse.ArgumentTypeError(f"{text!r} is no subtest; write it like T0/03")
    return text.upper()
