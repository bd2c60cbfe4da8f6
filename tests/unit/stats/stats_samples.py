"""Records of every kind, small enough to calculate by hand."""

from scylla.domain.experiment import CaseMeta, ExperimentMeta, SubtestMeta
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Conditions, RunKey
from scylla.domain.record import Attempt, CliReport, Grading, RunRecord, Verdict
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Item, Rubric, Scoring
from scylla.domain.score import CategoryScore, Score, grade_of
from scylla.domain.usage import ModelSpend, Spend, Tokens

RUBRIC = Rubric(
    categories=(Category(name="c", weight=1.0, items=(Item(id="i", text="t", points=1.0, scoring=Scoring.SCALED),)),),
    pass_threshold=0.6,
    grade_scale=DEFAULT_GRADE_SCALE,
)
AT = "2026-01-02T03:04:05+00:00"


def meta(*, cases=("a",), subtests=("T0/00",)):
    return ExperimentMeta(
        name="sample", created_at=AT, seed=1, runs_per_subtest=4,
        conditions=Conditions(
            agent="claude-code", agent_version="2.1.197", model="sonnet", judge_models=("sonnet",), offline=False,
            timeout_s=None, case_digests=tuple((case, "d") for case in cases),
        ),
        cases=tuple(
            CaseMeta(id=case, name=case, description="", language="any", digest="d", rubric=RUBRIC) for case in cases
        ),
        subtests=tuple(
            SubtestMeta(tier=label[:2], id=label[3:], name=label, description="", setup_digest=label)
            for label in subtests
        ),
    )  # fmt: skip


def spend(cost_usd, **tokens):
    return Spend(by_model=(ModelSpend(model="m", tokens=Tokens(**tokens), requests=1, cost_usd=cost_usd),))


def attempt(key, number=1, outcome=Outcome.FINISHED, used=None, duration_s=10.0, cli_cost_usd=None, detail=""):
    return Attempt(
        key=key, number=number, started_at=AT, duration_s=duration_s, outcome=outcome, detail=detail, exit_code=0,
        signal=None, spend=used or spend(1.0), report=CliReport(cost_usd=cli_cost_usd), setup_digest="s",
        agent_version="2.1.197",
    )  # fmt: skip


def verdict(key, call=1, *, is_valid=True, cost_usd=0.5, detail=""):
    return Verdict(
        key=key, attempt=1, judge_number=1, call=call, model="sonnet", is_valid=is_valid, detail=detail, marks=(),
        started_at=AT, duration_s=2.0, spend=spend(cost_usd),
    )  # fmt: skip


def key(run_number=1, *, label="T0/00", case="a"):
    return RunKey(case_id=case, tier=label[:2], subtest=label[3:], run_number=run_number)


def scored(of, share, **options):
    score = Score(
        score=share, grade=grade_of(share, DEFAULT_GRADE_SCALE), passed=share >= 0.6,
        categories=(CategoryScore(name="c", weight=1.0, score=share),), points=(("i", share),),
    )  # fmt: skip
    return RunRecord(
        key=of, attempts=(attempt(of, **options),), score=score, verdicts=(verdict(of),),
        grading=Grading(key=of, attempt=1, marks=(), duration_s=0.5),
    )  # fmt: skip


def unscored(of, detail="the judge gave no JSON"):
    return RunRecord(
        key=of, attempts=(attempt(of),), verdicts=(verdict(of, is_valid=False, detail=detail),),
        grading=Grading(key=of, attempt=1, marks=(), duration_s=0.5),
    )  # fmt: skip


def gap(of, outcome=Outcome.RATE_LIMITED, cost_usd=0.25):
    return RunRecord(key=of, attempts=(attempt(of, outcome=outcome, used=spend(cost_usd), detail="asked to wait"),))
