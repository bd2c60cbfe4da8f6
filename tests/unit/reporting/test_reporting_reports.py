"""Every report says the same, names what is missing, and holds nothing that others could slip in."""

import csv
import io
import json
from dataclasses import replace

import pytest

from scylla.domain.experiment import CaseMeta, ExperimentMeta, SubtestMeta
from scylla.domain.outcome import Outcome
from scylla.domain.plan import Conditions, RunKey
from scylla.domain.record import Attempt, CliReport, Grading, JudgeCall, RunRecord, Verdict
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, Rubric, Scoring
from scylla.domain.score import ItemMark, score_run
from scylla.domain.usage import ModelSpend, Spend, Tokens
from scylla.errors import StoreError
from scylla.reporting.reports import (
    OFFLINE_WARNING,
    aligned,
    cell,
    markdown_report,
    number,
    seconds,
    share,
    usd,
    write_reports,
)
from scylla.stats.summary import summarise

AT = "2026-01-02T03:04:05+00:00"
AGAIN = "python scripts/run_e2e_experiment.py --tiers-dir cases/hello --runs 3"
NASTY = "a | b\n# heading <script>alert(1)</script> `code`"
RUBRIC = Rubric(
    categories=(
        Category(
            name="c",
            weight=1.0,
            items=(
                Item(id="checked", text="t", points=1.0, scoring=Scoring.BINARY, check=Check(run="true")),
                Item(id="judged", text="t", points=2.0, scoring=Scoring.SCALED, na_condition="may"),
            ),
        ),
    ),
    pass_threshold=0.6,
    grade_scale=DEFAULT_GRADE_SCALE,
)
META = ExperimentMeta(
    name="hello", created_at=AT, seed=7, runs_per_subtest=3,
    conditions=Conditions(
        agent="claude-code", agent_version="2.1.197", model="sonnet", judge_models=("opus",), offline=False,
        timeout_s=None, case_digests=(("test-001", "d"),),
    ),
    cases=(CaseMeta(id="test-001", name="Hello", description="", language="python", digest="d", rubric=RUBRIC),),
    subtests=(SubtestMeta(tier="T0", id="00", name="empty", description="", setup_digest="s"),),
)  # fmt: skip
RUN_COLUMNS = """experiment, agent_model, tier, subtest, run_number, score, impl_rate, passed, grade, cost_usd,
duration_seconds, agent_duration_seconds, judge_duration_seconds, input_tokens, output_tokens, cache_creation_tokens,
cache_read_tokens, total_tokens, exit_code, api_calls, num_turns, num_models, delegation_cost_ratio, r_prog,
strategic_drift, cfp, pr_revert_rate"""
KEYS = "experiment, agent_model, tier, subtest, run_number, "
JUDGE_COLUMNS = (
    KEYS
    + """judge_model, judge_number, judge_score, judge_impl_rate, judge_passed, judge_grade,
judge_is_valid, judge_reasoning"""
)
CRITERIA_COLUMNS = KEYS + "judge_model, judge_number, criterion, criterion_score, criterion_achieved, criterion_max"


def key(run_number):
    return RunKey(case_id="test-001", tier="T0", subtest="00", run_number=run_number)


def spend(cost_usd, model="m"):
    tokens = Tokens(input_tokens=10, output_tokens=5, cache_creation_tokens=3, cache_read_tokens=30)
    return Spend(by_model=(ModelSpend(model=model, tokens=tokens, requests=2, cost_usd=cost_usd),))


def attempt(of, outcome=Outcome.FINISHED, cost_usd=1.0, detail=""):
    return Attempt(
        key=of, number=1, started_at=AT, duration_s=10.0, outcome=outcome, detail=detail, exit_code=0, signal=None,
        spend=spend(cost_usd), report=CliReport(num_turns=4), setup_digest="s", agent_version="2.1.197",
    )  # fmt: skip


def scored(of, judged):
    checks = (ItemMark(item_id="checked", points=1.0, reason=""),)
    marks = (ItemMark(item_id="judged", points=judged, reason="good, mostly"),)
    verdict = Verdict(
        key=of, attempt=1, judge_number=1, call=1, model="opus", is_valid=True, detail="", marks=marks, started_at=AT,
        duration_s=2.0, spend=spend(0.25),
    )  # fmt: skip
    return RunRecord(
        key=of, attempts=(attempt(of),), grading=Grading(key=of, attempt=1, marks=checks, duration_s=0.5),
        verdicts=(verdict,), score=score_run(RUBRIC, checks=checks, verdicts=[marks]),
    )  # fmt: skip


def records():
    whole = scored(key(1), 1.0)
    failed = replace(whole.verdicts[0], key=key(2), is_valid=False, marks=(), detail=NASTY)
    waiting = replace(scored(key(2), 1.0), verdicts=(failed,), score=None)
    limited = attempt(key(3), Outcome.RATE_LIMITED, 0.125, "the provider asked to wait")
    return (whole, waiting, RunRecord(key=key(3), attempts=(limited,)))


def written(tmp_path, *, meta=META, of=None):
    of = records() if of is None else of
    paths = write_reports(tmp_path, meta, of, summarise(meta, of), again=AGAIN)
    return {path.name: path.read_text() for path in paths}


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def rows_of(name, markdown):
    """The cells of each row of the report whose first one is `name`."""
    parts = [[part.strip() for part in line[1:-1].split("|")] for line in markdown.splitlines() if line[:1] == "|"]
    return [row for row in parts if row[0] == name]


def refuse(name):
    raise AssertionError(f"bare {name} in JSON")


def test_all_reports_are_written_and_nothing_else_is_left(tmp_path):
    texts = written(tmp_path)
    names = {"report.md", "report.json", "runs.csv", "judges.csv", "criteria.csv"}
    assert set(texts) == names == {path.name for path in tmp_path.iterdir()}
    assert written(tmp_path) == texts, "written again, they are the same"


def test_markdown_tells_what_was_run_how_it_ended_and_what_to_do_next(tmp_path):
    text = written(tmp_path)["report.md"]
    for part in ("hello", "test-001", "2.1.197", "sonnet", "opus", "2026-01-02 03:04:05 UTC", "T0/00", "seed 7"):
        assert part in text
    assert "3 planned, 1 scored, 1 unscored, 1 gaps" in text
    assert "1/1" in text
    assert "rate limited: the provider asked to wait" in text
    assert f"```console\n{AGAIN}\n```" in text
    assert "$0.1250" in text
    assert "Wilson" in text


def test_text_of_agents_and_judges_cannot_break_the_markdown(tmp_path):
    text = written(tmp_path)["report.md"]
    assert "<script>" not in text
    assert "\n# heading" not in text
    (line,) = [line for line in text.splitlines() if "heading" in line]
    assert line.replace("\\|", "").count("|") == 4
    assert len(cell("long " * 10_000)) <= 400
    assert cell("*a*") == "\\*a\\*"
    assert cell("a\r\nb\tc") == "a b c"
    assert cell("\x1b[31mred\u202eder\x07") == "\\[31mred der"


def test_tables_have_as_many_cells_in_each_row_as_in_their_head(tmp_path):
    widths = []
    for line in written(tmp_path)["report.md"].splitlines():
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(line.replace("\\|", "").count("|"))
        assert widths[-1] == widths[0], line


def test_complete_experiment_says_that_nothing_is_missing(tmp_path):
    text = written(tmp_path, of=(scored(key(1), 2.0),))["report.md"]
    assert "every planned run is scored" in text
    assert AGAIN not in text


def test_experiment_without_any_run_begun_can_be_reported(tmp_path):
    of = tuple(RunRecord(key=key(number)) for number in (1, 2))
    texts = written(tmp_path, of=of)
    assert "not started" in texts["report.md"]
    assert rows(texts["runs.csv"]) == []
    json.loads(texts["report.json"], parse_constant=refuse)


def test_json_is_strict_and_has_its_version_first(tmp_path):
    nothing_passes = (scored(key(1), 0.0),)
    document = json.loads(written(tmp_path, of=nothing_passes)["report.json"], parse_constant=refuse)
    assert next(iter(document)) == "format_version"
    (group,) = document["by_tier"]
    assert (group["cost_of_pass_usd"], group["cost_of_pass_is_infinite"]) == (None, True)


def test_json_agrees_with_the_records(tmp_path):
    document = json.loads(written(tmp_path)["report.json"])
    first, second, third = document["runs"]
    assert (first["state"], second["state"], third["state"]) == ("scored", "unscored", "gap")
    assert first["score"] == pytest.approx(2 / 3)
    assert first["run_number"] == 1
    assert (second["score"], second["passed"], second["agent"]["cost_usd"]) == (None, None, 1.0)
    assert third["outcome"] is None
    assert [entry["run"] for entry in document["gaps"]] == [key(3).label]
    assert [entry["run"] for entry in document["unscored"]] == [key(2).label]
    assert document["continue_with"] == AGAIN
    totals = document["totals"]
    assert totals["agent"]["cost_usd"] == pytest.approx(2.0)
    assert totals["judge"]["cost_usd"] == pytest.approx(0.5)
    assert totals["wasted"]["cost_usd"] == pytest.approx(0.125)
    assert totals["total_cost_usd"] == pytest.approx(2.625)


@pytest.mark.parametrize(
    ("name", "columns"),
    [("runs.csv", RUN_COLUMNS), ("judges.csv", JUDGE_COLUMNS), ("criteria.csv", CRITERIA_COLUMNS)],
)
def test_csv_columns_are_the_predecessors_in_their_order(tmp_path, name, columns):
    assert written(tmp_path)[name].splitlines()[0].split(",") == columns.replace("\n", " ").split(", ")


def test_runs_table_holds_results_once_each_and_leaves_the_unknown_empty(tmp_path):
    first, second = rows(written(tmp_path)["runs.csv"])
    assert (first["run_number"], second["run_number"]) == ("1", "2"), "the gap is no result"
    assert (float(first["score"]), first["passed"], first["grade"]) == (pytest.approx(2 / 3), "True", "B")
    assert (first["total_tokens"], first["api_calls"], first["num_turns"], first["num_models"]) == ("48", "2", "4", "1")
    assert (second["score"], second["passed"], second["grade"]) == ("", "", ""), "unscored is never zero"
    for never in ("delegation_cost_ratio", "r_prog", "strategic_drift", "cfp", "pr_revert_rate"):
        assert first[never] == ""


def test_unknown_cost_is_an_empty_cell_and_a_question_mark(tmp_path):
    whole = scored(key(1), 2.0)
    unpriced = replace(whole.attempts[0], spend=spend(None, model="unpriced"))
    texts = written(tmp_path, of=(replace(whole, attempts=(unpriced,)),))
    assert rows(texts["runs.csv"])[0]["cost_usd"] == ""
    assert "?" in next(line for line in texts["report.md"].splitlines() if line.startswith("| money"))
    assert json.loads(texts["report.json"])["totals"]["known_cost_usd"] == pytest.approx(0.25)


def test_judges_table_holds_the_computed_score_and_why_a_verdict_is_not_valid(tmp_path):
    good, bad = rows(written(tmp_path)["judges.csv"])
    assert (good["judge_is_valid"], good["judge_passed"], good["judge_grade"]) == ("True", "True", "B")
    assert float(good["judge_score"]) == pytest.approx(2 / 3)
    assert float(good["judge_impl_rate"]) == pytest.approx(2 / 3)
    assert good["judge_reasoning"] == "judged: good, mostly"
    assert (bad["judge_is_valid"], bad["judge_score"], bad["judge_passed"]) == ("False", "", "")
    assert bad["judge_reasoning"] == NASTY


def test_criteria_table_holds_checks_and_judged_items(tmp_path):
    found = [row for row in rows(written(tmp_path)["criteria.csv"]) if row["run_number"] == "1"]
    values = [(row["judge_number"], row["criterion"], row["criterion_achieved"], row["criterion_max"]) for row in found]
    assert values == [("0", "checked", "1.0", "1.0"), ("1", "judged", "1.0", "2.0")]
    assert [float(row["criterion_score"]) for row in found] == [1.0, 0.5]


def test_item_that_does_not_apply_has_empty_points(tmp_path):
    found = rows(written(tmp_path, of=(scored(key(1), None),))["criteria.csv"])
    assert (found[1]["criterion_achieved"], found[1]["criterion_score"]) == ("", "")


def test_json_says_of_each_verdict_whose_it_was_and_whether_its_evidence_exists(tmp_path):
    paid = scored(key(1), 1.0)
    mark = replace(paid.verdicts[0].marks[0], evidence="made up", evidence_found=False)
    paid = replace(paid, verdicts=(replace(paid.verdicts[0], marks=(mark,)),))
    source = JudgeCall(key=key(1), judge_number=1, call=1)
    reused = replace(paid.verdicts[0], key=key(2), spend=Spend(), duration_s=0.0, reused_from=source)
    other = replace(scored(key(2), 1.0), verdicts=(reused,))
    document = json.loads(written(tmp_path, of=(paid, other))["report.json"])
    (first,), (second,) = (run["verdicts"] for run in document["runs"])
    assert (first["reused_from"], second["reused_from"]) == (None, f"{key(1).label}, judge 1, call 1")
    assert first["evidence_missing"] == second["evidence_missing"] == 1
    assert first["items"][0]["evidence_found"] is False
    assert document["totals"]["judge"]["cost_usd"] == pytest.approx(0.25), "paid once"


def test_offline_experiments_say_so_in_every_report(tmp_path):
    offline = replace(META, conditions=replace(META.conditions, offline=True))
    texts = written(tmp_path, meta=offline)
    assert OFFLINE_WARNING in "\n".join(texts["report.md"].splitlines()[:5])
    assert json.loads(texts["report.json"])["offline"] is True
    for name in ("runs.csv", "judges.csv", "criteria.csv"):
        assert all("offline" in row["experiment"] for row in rows(texts[name]))
    assert OFFLINE_WARNING not in markdown_report(META, summarise(META, records()), again=AGAIN)


def test_text_of_a_judge_cannot_break_the_rows_of_a_table(tmp_path):
    whole = scored(key(1), 1.0)
    broken = replace(whole.verdicts[0], is_valid=False, marks=(), detail='one\rtwo\r\n"three",\0four')
    write_reports(tmp_path, META, of := (replace(whole, verdicts=(broken,)),), summarise(META, of), again=AGAIN)
    with (tmp_path / "judges.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["judge_reasoning"] == 'one\ntwo\n"three",four'


def test_group_tables_say_how_many_planned_runs_are_scored_and_what_tokens_went(tmp_path):
    scores, means, tokens = rows_of("T0", written(tmp_path)["report.md"])
    assert scores[4:6] == ["B", "1/1 of 3"]
    assert scores[-1] == "2 finished"
    assert means == ["T0", "$1.0000", "$0.2500", "10.0 s", "0.5 s", "2.0 s"]
    assert tokens == ["T0", "2", "20", "10", "6", "60", "75 %"]


def test_money_has_a_total_with_its_tokens(tmp_path):
    text = written(tmp_path)["report.md"]
    assert rows_of("total", text) == [["total", "$2.6250", "10", "50", "25", "15", "150"]]
    assert rows_of("wasted", text)[0][1] == "$0.1250"
    assert "Frontier cost of pass" in text


def test_columns_of_tables_stand_below_each_other(tmp_path):
    table = [line for line in written(tmp_path)["report.md"].splitlines() if line.startswith(("| run ", "| test-001/"))]
    runs = table[-4:]
    assert len(runs) == 4
    assert len({len(line) for line in runs}) == 1
    (line, *_, last) = aligned("| a | b |\n|---|--:|\n| long text | 1 |\n").splitlines()
    assert (line, last) == ("| a         |   b |", "| long text |   1 |")


def test_command_is_shown_as_it_is_whatever_it_holds(tmp_path):
    hostile = "scylla run --tiers-dir 'a ``` b\n```\n| c | d\n| e'"
    of = records()
    text = markdown_report(META, summarise(META, of), again=hostile)
    assert f"````console\n{hostile}\n````\n" in text


def test_unknown_command_is_described_instead(tmp_path):
    of = records()
    write_reports(tmp_path, META, of, summarise(META, of), again="")
    assert "give the command that started this experiment once more" in (tmp_path / "report.md").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["continue_with"] is None


def test_rows_about_different_cases_say_so():
    both = ExperimentMeta(
        name="two", created_at=AT, seed=1, runs_per_subtest=1, conditions=META.conditions,
        cases=(META.cases[0], replace(META.cases[0], id="test-002")),
        subtests=(*META.subtests, replace(META.subtests[0], tier="T1")),
    )  # fmt: skip
    of = [scored(RunKey(case_id=case, tier="T0", subtest="00", run_number=1), 1.0) for case in ("test-001", "test-002")]
    of += [scored(RunKey(case_id="test-001", tier="T1", subtest="00", run_number=1), 1.0)]
    text = markdown_report(both, summarise(both, of), again=AGAIN)
    assert "not all about the same cases" in text
    assert "T0: test-001, test-002;\nT1: test-001.\n" in text
    alike = markdown_report(both, summarise(both, of[:2]), again=AGAIN)
    assert "T1: no case scored yet." in alike


def test_impl_rate_is_the_median_over_judges(tmp_path):
    whole = scored(key(1), 0.0)
    others = [
        replace(whole.verdicts[0], judge_number=number, marks=(ItemMark(item_id="judged", points=points, reason=""),))
        for number, points in ((2, 2.0), (3, 0.5))
    ]
    (row,) = rows(written(tmp_path, of=(replace(whole, verdicts=(*whole.verdicts, *others)),))["runs.csv"])
    assert float(row["impl_rate"]) == pytest.approx(1.5 / 3)


def test_numbers_of_runs_are_numbers_and_booleans_booleans(tmp_path):
    document = json.loads(written(tmp_path)["report.json"])
    assert [type(run["run_number"]) for run in document["runs"]] == [int, int, int]
    assert [run["passed"] for run in document["runs"]] == [True, None, None]
    assert document["format_version"] == 1


def test_half_of_a_surrogate_pair_breaks_no_report(tmp_path):
    whole = scored(key(1), 1.0)
    broken = replace(whole.verdicts[0], is_valid=False, marks=(), detail="half \ud83d")
    texts = written(tmp_path, of=(replace(whole, verdicts=(broken,), score=None),))
    assert "half \ud83d" in json.loads(texts["report.json"])["runs"][0]["reason"]


def test_amounts_times_and_counts_for_people():
    assert [usd(None), usd(0.0), usd(9.5), usd(1234.5)] == ["?", "$0.0000", "$9.5000", "$1,234.50"]
    assert [number(None), number(0.5), share(None), share(0.756), seconds(None)] == ["-", "0.50", "-", "76 %", "-"]


def test_failed_write_leaves_nothing_beside(tmp_path):
    (tmp_path / "report.md").mkdir()
    with pytest.raises(StoreError, match=r"report\.md"):
        written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_folder_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(StoreError, match=r"report\.md") as raised:
        written(tmp_path / "nowhere")
    assert raised.value.fix
