"""Whatever happens to the runner in between: every planned run ends with one result, one verdict and one score.

The agent CLI is a scripted child process behind the adapter port; everything else is real.
"""

import json
import tempfile
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scylla.adapters.cli import Adapter, CliResult, InstalledCli
from scylla.domain.case import Case, Source, SourceKind
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Conditions, make_plan
from scylla.domain.process import Command
from scylla.domain.record import CliReport
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring
from scylla.domain.tier import OverlayFile, Setup, Subtest, merged
from scylla.e2e.experiment import carry_out_all, close_lost_steps, prepare_cases, remove_leftovers
from scylla.e2e.parts import Limits, Parts
from scylla.e2e.sitting import Sitting
from scylla.gateway.gateway import Gateway
from scylla.gateway.prices import PriceTable
from scylla.gateway.upstream import Upstream
from scylla.store.reading import read_experiment_meta
from scylla.store.store import Store
from scylla.workspace.slots import Slots

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
RUBRIC = Rubric(
    categories=(
        Category(
            name="all",
            weight=1.0,
            items=(
                Item(id="made", text="", points=1.0, scoring=Scoring.BINARY, check=Check(run="test -f made.txt")),
                Item(id="good", text="", points=1.0, scoring=Scoring.SCALED),
            ),
        ),
    ),
    pass_threshold=0.6,
    grade_scale=DEFAULT_GRADE_SCALE,
)
GOOD_VERDICT = json.dumps({"items": {"good": {"points": 0.5, "reason": "fine", "evidence": "made.txt"}}})


class Killed(BaseException):
    """Stands for a kill: nothing that would run after it does."""


class Script:
    """What the scripted CLI does next, and what it was asked to do so far."""

    def __init__(self, failures, judge_failures):
        self.failures = list(failures)
        self.judge_failures = list(judge_failures)
        self.paid = Counter()

    def command(self, request):
        if request.answer_schema is not None:
            self.paid["judge"] += 1
            words = self.judge_failures.pop() if self.judge_failures else GOOD_VERDICT
            line = json.dumps({"outcome": "finished", "structured": words})
        else:
            self.paid["agent"] += 1
            line = json.dumps({"outcome": self.failures.pop() if self.failures else "finished"})
        program = f"touch made.txt; echo '{line}'"
        return Command(argv=("/bin/sh", "-c", program), cwd=request.workspace, env={"PATH": request.search_path})

    @staticmethod
    def read_result(_finished, lines, _error_text, _answer):
        said = json.loads(next(iter(lines), b'{"outcome": "crashed"}'))
        report = CliReport(is_error=False, structured_output=said.get("structured"), result_text="done")
        return CliResult(outcome=Outcome(said["outcome"]), detail="scripted", report=report)


class Interrupter:
    """A progress port that interrupts, or kills, at its n-th call."""

    def __init__(self, at, how):
        self.left = at
        self.how = how
        self.sitting = None

    def __getattr__(self, name):
        def told(*_, **__):
            self.left -= 1
            if self.left == 0 and self.how == "kill":
                raise Killed
            if self.left == 0:
                self.sitting.interrupt.set()

        return told


def make_case(folder: Path) -> Case:
    (folder / "workspace").mkdir()
    (folder / "workspace" / "README.md").write_text("hello\n")
    source = Source(kind=SourceKind.FOLDER, location=str(folder / "workspace"), commit=None)
    return Case(
        id="case-1", name="", description="", language="", folder=folder, source=source, prompt="Do it.",
        criteria="", rubric=RUBRIC, timeout_s=20.0, max_cost_usd=None, tiers=(), tags=(), offline_file=None,
        digest="d" * 64,
    )  # fmt: skip


def plan_for(case: Case, runs: int):
    overlay = (OverlayFile(path="CLAUDE.md", content=b"Be brief.\n"),)
    return make_plan(
        name="case-1",
        conditions=Conditions(
            agent="scripted", agent_version="1", model="m", judge_models=("j",), offline=True, timeout_s=None,
            case_digests=((case.id, case.digest),),
        ),
        cases=[case],
        subtests=[
            Subtest(tier="T0", id="00", name="", description="", setup=Setup()),
            Subtest(tier="T0", id="01", name="", description="", setup=Setup(overlay=overlay)),
            Subtest(tier="T5", id="01", name="", description="", setup=Setup(agent_teams=True), inherits=("T0",)),
        ],
        runs_per_subtest=runs,
        seed=1,
    )  # fmt: skip


async def sit(
    folder: Path, plan, script: Script, progress, *, parallel: int, search_path: str = "/usr/bin:/bin"
) -> None:
    """One sitting, as `scylla run` makes it."""
    experiment = folder / "experiment"
    is_new = not experiment.exists()
    store = Store.create(experiment, plan, created_at=AT.isoformat()) if is_new else Store.open(experiment)
    adapter = Adapter(
        name="scripted", program="sh", default_model="m", required_flags=frozenset(), command=script.command,
        read_result=script.read_result, undelivered=lambda _setup, _report: (),
    )  # fmt: skip
    cli = InstalledCli(binary=Path("/bin/sh"), version="1", flags=frozenset())
    with store:
        store.extend(plan)
        async with Gateway(prices=PriceTable.load(), clock=lambda: AT) as gateway:
            close_lost_steps(store)
            await remove_leftovers(store, ungraded=folder / "done", scratch=folder / "scratch")
            parts = Parts(
                plan=plan, store=store, gateway=gateway,
                upstream=lambda _key, _role: Upstream(base_url="http://127.0.0.1:9", credential=None),
                login_kind="api_key", adapter=adapter,
                cli=cli, judge_adapter=adapter, judge_cli=cli,
                agent_slots=Slots(folder / "a"), judge_slots=Slots(folder / "b"),
                ungraded=folder / "done", scratch=folder / "scratch",
                prepared=await prepare_cases(plan.cases, folder / "sources", Interrupter(0, "never")),
                setups={subtest.label: subtest.setup for subtest in plan.subtests if not subtest.inherits},
                candidates={subtest.label: subtest.setup for subtest in plan.subtests},
                servers=None, search_path=search_path, is_root=False, limits=Limits(attempts=2, retry_wait_s=0.0),
                progress=progress, now=lambda: AT, sleep=anyio.sleep,
            )  # fmt: skip
            sitting = Sitting(agents=anyio.CapacityLimiter(parallel), judges=anyio.CapacityLimiter(parallel))
            progress.sitting = sitting
            await carry_out_all(parts, sitting)


def one_sitting(*arguments, **options) -> None:
    async def main():
        await sit(*arguments, **options)

    try:
        anyio.run(main)
    except BaseException as error:
        if not (isinstance(error, Killed) or _holds_only_kills(error)):
            raise


def _holds_only_kills(error) -> bool:
    parts = getattr(error, "exceptions", ())
    return bool(parts) and all(isinstance(part, Killed) or _holds_only_kills(part) for part in parts)


sittings = st.lists(
    st.tuples(st.integers(min_value=1, max_value=24), st.sampled_from(["kill", "interrupt"])), max_size=4
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    disturbances=sittings,
    failures=st.lists(st.sampled_from(["rate_limited", "provider_error"]), max_size=3),
    judge_failures=st.lists(st.just("nonsense"), max_size=2),
    parallel=st.integers(min_value=1, max_value=3),
)
def test_nothing_is_dropped_and_nothing_doubled(disturbances, failures, judge_failures, parallel):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case = make_case(folder)
        script = Script(failures, judge_failures)
        for runs, (at, how) in enumerate(disturbances):
            plan = plan_for(case, min(2, runs + 1))
            one_sitting(folder, plan, script, Interrupter(at, how), parallel=parallel)
        plan = plan_for(case, 2)
        for _ in range(len(failures) + len(judge_failures) + 1):
            one_sitting(folder, plan, script, Interrupter(0, "never"), parallel=parallel)
        with Store.open(folder / "experiment") as store:
            records = store.records()
            assert store.open_attempts() == ()
            assert store.open_judge_calls() == ()
        assert sorted(record.key for record in records) == sorted(plan.order)
        for record in records:
            assert record.score is not None
            assert (record.score.score, record.grading.files_changed) == (0.75, ("made.txt",))
            assert sum(attempt.outcome.is_result for attempt in record.attempts) == 1
            assert sum(verdict.is_valid for verdict in record.verdicts) == 1
        tried = sum(len(record.attempts) + record.lost_attempts for record in records)
        asked = sum(len(record.verdicts) for record in records)
        assert script.paid["agent"] <= tried, "every start of an agent is on record"
        assert script.paid["judge"] <= asked
        assert tried - script.paid["agent"] <= len(disturbances) * parallel, (
            "only a kill leaves a claim without a start"
        )
        assert not list((folder / "done").glob("*")), "no final workspace is left behind"
        (winner,) = read_experiment_meta(folder / "experiment").winners
        heirs = [record.result for record in records if record.key.tier == "T5"]
        inherited = merged([plan.subtests[int(winner.subtest)].setup, Setup(agent_teams=True)])
        assert {attempt.setup_digest for attempt in heirs} == {inherited.digest}


def test_runs_that_are_asked_for_no_more_decide_nothing(tmp_path):
    """A sitting of two runs is killed; the next one wants one run each, and the winner is picked by these."""
    case, script = make_case(tmp_path), Script([], [])
    one_sitting(tmp_path, plan_for(case, 2), script, Interrupter(1, "kill"), parallel=1)
    plan = plan_for(case, 1)
    one_sitting(tmp_path, plan, script, Interrupter(0, "never"), parallel=1)
    with Store.open(tmp_path / "experiment") as store:
        assert {record.key for record in store.records() if record.score is not None} == set(plan.order)
