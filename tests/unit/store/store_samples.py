"""A small plan and records of every kind."""

from pathlib import Path

from scylla.domain.case import Case, Source, SourceKind
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Conditions, Plan, RunKey, make_plan
from scylla.domain.record import Attempt, CliReport, Grading, Verdict
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Item, Rubric, Scoring
from scylla.domain.score import CategoryScore, ItemMark, Score
from scylla.domain.tier import Setup, Subtest
from scylla.domain.usage import ModelSpend, Spend, Tokens

RUBRIC = Rubric(
    categories=(Category(name="c", weight=1.0, items=(Item(id="i", text="t", points=1.0, scoring=Scoring.SCALED),)),),
    pass_threshold=0.6,
    grade_scale=DEFAULT_GRADE_SCALE,
)
CASE = Case(
    id="case-1", name="Case", description="", language="python", folder=Path("/case"),
    source=Source(kind=SourceKind.FOLDER, location="/case/workspace", commit=None), prompt="Do it.", criteria="",
    rubric=RUBRIC, timeout_s=60.0, max_cost_usd=None, tiers=(), tags=(), offline_file=None, digest="d1",
)  # fmt: skip
SPEND = Spend(by_model=(ModelSpend(model="m", tokens=Tokens(input_tokens=7), requests=1, cost_usd=0.5),))
AT = "2026-01-02T03:04:05+00:00"


def plan(**changes) -> Plan:
    conditions = {
        "agent": "claude-code", "agent_version": "2.1.197", "model": "sonnet", "judge_models": ("sonnet",),
        "offline": True, "timeout_s": None, "case_digests": (("case-1", "d1"),),
    }  # fmt: skip
    subtests = changes.pop("subtests", ("00", "01"))
    runs = changes.pop("runs", 2)
    seed = changes.pop("seed", 1)
    setup = changes.pop("setup", Setup())
    return make_plan(
        name="case-1",
        conditions=Conditions(**(conditions | changes)),
        cases=[CASE],
        subtests=[Subtest(tier="T0", id=number, name=number, description="", setup=setup) for number in subtests],
        runs_per_subtest=runs,
        seed=seed,
    )


def key(subtest="00", run_number=1) -> RunKey:
    return RunKey(case_id="case-1", tier="T0", subtest=subtest, run_number=run_number)


def attempt(number=1, outcome=Outcome.FINISHED, of=None) -> Attempt:
    return Attempt(
        key=of or key(), number=number, started_at=AT, duration_s=1.5, outcome=outcome, detail="", exit_code=0,
        signal=None, spend=SPEND, report=CliReport(tools=("Bash",), cost_by_model_usd=(("m", 0.5),)),
        setup_digest="s", agent_version="2.1.197", workspace="/w/1",
    )  # fmt: skip


def grading(of=None) -> Grading:
    mark = ItemMark(item_id="i", points=1.0, reason="ok")
    return Grading(key=of or key(), attempt=1, marks=(mark,), duration_s=0.1, files_changed=("a",), patch_digest="p")


def verdict(call=1, is_valid=True, of=None) -> Verdict:
    return Verdict(
        key=of or key(), attempt=1, judge_number=1, call=call, model="sonnet", is_valid=is_valid, detail="",
        marks=(ItemMark(item_id="i", points=None, reason="r", evidence="ü"),), started_at=AT, duration_s=2.0,
        spend=SPEND,
    )  # fmt: skip


SCORE = Score(
    score=1.0,
    grade="S",
    passed=True,
    categories=(CategoryScore(name="c", weight=1.0, score=None),),
    points=(("i", 1.0),),
)
