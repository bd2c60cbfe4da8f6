"""Judges are asked as seldom as possible, once more when they answer nonsense, and never told whose work it is.

The agent CLI is a scripted child process behind the adapter port; everything else is real.
"""

import json
from collections import Counter
from dataclasses import replace

import anyio
import pytest
from test_e2e_resume import RUBRIC, Interrupter, make_case, plan_for, sit

from scylla.adapters.cli import CliResult
from scylla.domain.outcome import Outcome
from scylla.domain.plan import order_in_blocks
from scylla.domain.process import Command
from scylla.domain.record import CliReport
from scylla.domain.rubric import Category
from scylla.domain.usage import Spend
from scylla.stats.summary import State, summarise
from scylla.store.store import Store


def verdict(points=0.5, evidence="made.txt"):
    return json.dumps({"items": {"good": {"evidence": evidence, "reason": "fine", "points": points}}})


class Played:
    """A scripted CLI: what its judges answer in turn, the last answer for ever, and what its agents do."""

    def __init__(self, *answers, agent="touch made.txt", said="done", judge_s=0.0):
        self.answers = list(answers) or [verdict()]
        self.agent = agent
        self.said = said
        self.judge_s = judge_s
        self.started = Counter()

    def command(self, request):
        part = "agent" if request.answer_schema is None else "judge"
        self.started[part] += 1
        if part == "agent":
            said, program = {"text": self.said}, self.agent.format(number=self.started["agent"])
        else:
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            said, program = ({"outcome": answer.value} if isinstance(answer, Outcome) else {"answer": answer}), "true"
            program = f"sleep {self.judge_s}"
        line = json.dumps(said).replace("{work}", str(request.workspace))
        return Command(
            argv=("/bin/sh", "-c", f'{program}; printf "%s\\n" "$LINE"'),
            cwd=request.workspace,
            env={"PATH": request.search_path, "LINE": line},
        )

    @staticmethod
    def read_result(_finished, lines, _error_text, _answer):
        said = json.loads(next(iter(lines)))
        outcome = Outcome(said.get("outcome", "finished"))
        report = CliReport(
            is_error=False, structured_output=said.get("answer"), result_text=said.get("text"), model="my-model-7"
        )
        return CliResult(outcome=outcome, detail="", report=report)


@pytest.fixture
def judged(tmp_path):
    """Carry out runs of a case and give their records."""
    case = make_case(tmp_path)

    def carry_out(played, *, runs=1, parallel=1, rubric=RUBRIC, **conditions):
        plan = plan_for(replace(case, rubric=rubric), runs)
        subtests = tuple(subtest for subtest in plan.subtests if not subtest.inherits)
        plan = replace(
            plan,
            conditions=replace(plan.conditions, **conditions),
            subtests=subtests,
            order=order_in_blocks(plan.cases, subtests, runs, seed=plan.seed),
        )
        anyio.run(lambda: sit(tmp_path, plan, played, Interrupter(0, "never"), parallel=parallel))
        with Store.open(tmp_path / "experiment") as store:
            return store.records()

    return carry_out


def prompts(tmp_path):
    return {path.parent.name: path.read_text() for path in sorted(tmp_path.glob("experiment/**/judge_*/prompt.md"))}


@pytest.mark.parametrize("parallel", [1, 3])
def test_identical_work_is_judged_once_and_the_record_says_so(judged, parallel):
    played = Played(judge_s=0.3)
    first, *others = sorted(
        judged(played, runs=3, parallel=parallel), key=lambda record: record.verdicts[0].reused_from is not None
    )
    assert played.started["judge"] == 1
    (paid,) = first.verdicts
    assert paid.reused_from is None
    for record in others:
        (reused,) = record.verdicts
        assert reused.is_valid
        assert reused.reused_from.label == f"{first.key.label}, judge 1, call 1"
        assert (reused.marks, reused.question_digest) == (paid.marks, paid.question_digest)
        assert (reused.spend, reused.duration_s, reused.cli_cost_usd) == (Spend(), 0.0, None)
        assert record.score == first.score


def test_what_an_earlier_sitting_paid_for_is_reused(judged):
    played = Played()
    judged(played, runs=1)
    records = judged(played, runs=3)
    assert played.started["judge"] == 1
    assert {record.verdicts[0].reused_from.key for record in records if record.verdicts[0].reused_from} == {
        next(record.key for record in records if record.verdicts[0].reused_from is None)
    }


def test_other_work_is_judged_by_itself(judged):
    played = Played(agent="echo {number} > made.txt")
    judged(played, runs=2)
    assert played.started["judge"] == played.started["agent"] == 4


@pytest.mark.parametrize(("are_shown", "asked"), [(False, 1), (True, 2)])
def test_closing_messages_make_a_difference_only_where_judges_see_them(judged, are_shown, asked):
    rubric = replace(RUBRIC, closing_message=are_shown)
    played = Played(said="one")
    judged(played, runs=1, rubric=rubric)
    played.said = "another"
    judged(played, runs=2, rubric=rubric)
    assert played.started["judge"] == asked


def test_every_run_is_judged_where_that_is_asked_for(judged):
    played = Played()
    records = judged(played, runs=2, reuse_verdicts=False)
    assert played.started["judge"] == len(records)
    assert all(record.verdicts[0].reused_from is None for record in records)


def test_judges_of_one_model_are_judges_of_their_own(judged):
    played = Played(verdict(0.0), verdict(1.0))
    records = judged(played, runs=2, judge_models=("j", "j"))
    assert played.started["judge"] == 2
    assert {record.score.points for record in records} == {(("made", 1.0), ("good", 0.5))}


def test_who_waits_for_a_judge_that_fails_asks_itself(judged):
    played = Played("nonsense", "nonsense", verdict(), judge_s=0.2)
    records = judged(played, runs=1, parallel=2)
    assert played.started["judge"] == 3
    assert sorted(record.score is not None for record in records) == [False, True]
    records = judged(played, runs=1)
    assert played.started["judge"] == 3, "the next sitting finds the verdict that the other run paid for"
    assert all(record.score for record in records)


@pytest.mark.parametrize(
    "nonsense",
    [None, "85 %", verdict("0.5"), verdict(7), verdict(evidence=""), json.dumps({"items": {}})],
)
def test_unusable_answer_is_asked_for_once_more_with_the_reason(judged, tmp_path, nonsense):
    played = Played(nonsense, verdict())
    first, _ = sorted(judged(played, runs=1), key=lambda record: -len(record.verdicts))
    assert [(given.call, given.is_valid) for given in first.verdicts] == [(1, False), (2, True)]
    assert first.score is not None
    asked = prompts(tmp_path)
    before, after = asked["judge_01_call_01"], asked["judge_01_call_02"]
    assert after.startswith(before)
    assert "It could not be used." in after
    assert "It could not be used." not in before


def test_judge_that_answers_nonsense_twice_leaves_the_run_unscored_and_the_reason_is_listed(judged, tmp_path):
    played = Played(verdict(7))
    records = judged(played, runs=1, reuse_verdicts=False)
    assert [len(record.verdicts) for record in records] == [2, 2]
    assert all(record.score is None for record in records)
    with Store.open(tmp_path / "experiment") as store:
        runs = summarise(store.meta(), records).runs
    assert {run.state for run in runs} == {State.UNSCORED}
    assert all("no verdict of judge 1 (j)" in run.reason and "from 0 to 1" in run.reason for run in runs)


def test_failing_provider_costs_no_second_request(judged):
    played = Played(Outcome.PROVIDER_ERROR, "nonsense", Outcome.PROVIDER_ERROR, verdict())
    records = judged(played, runs=1)
    calls = max((record.verdicts for record in records), key=len)
    assert [given.is_valid for given in calls] == [False, False, False, True]


def test_no_judge_is_started_where_checks_decide_everything(judged):
    checked = tuple(item for item in RUBRIC.items if item.check is not None)
    played = Played()
    records = judged(
        played, runs=1, rubric=replace(RUBRIC, categories=(Category(name="all", weight=1.0, items=checked),))
    )
    assert played.started["judge"] == 0
    assert all(record.score.score == 1.0 and not record.verdicts for record in records)


def test_one_call_for_each_judge_and_run_with_the_open_items_alone(judged, tmp_path):
    played = Played()
    records = judged(played, runs=1, judge_models=("j", "k"), reuse_verdicts=False)
    assert played.started["judge"] == 2 * len(records)
    for prompt in prompts(tmp_path).values():
        assert "good (up to 1 points)" in prompt
        assert "made (up to" not in prompt


def test_judge_is_told_neither_who_did_it_nor_where(judged, tmp_path):
    judged(Played(said="I, My-Model-7 (scripted), wrote {work}/made.txt."), runs=1)
    (prompt, *_) = prompts(tmp_path).values()
    assert "I, [name] ([name]), wrote /project/made.txt." in prompt
    for hidden in (str(tmp_path), "case-1", "T0", "run_0", "USD"):
        assert hidden not in prompt


def test_evidence_that_quotes_nothing_is_kept_flagged_and_counted(judged):
    played = Played(verdict(evidence="b/made.txt"), verdict(evidence="it is all there"))
    records = judged(played, runs=1, judge_models=("j", "k"))
    marks = {(given.marks[0].evidence_found, given.evidence_missing) for given in records[0].verdicts}
    assert marks == {(True, 0), (False, 1)}
    assert records[0].score is not None
