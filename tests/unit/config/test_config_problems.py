"""Whatever is wrong with a case is reported with its file, its key, the reason and what to do; nothing crashes."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scylla.config.cases import load_cases
from scylla.domain.problem import Severity

HASH = "0123456789abcdef0123456789abcdef01234567"
TEST, RUBRIC, PROMPT = "test.yaml", "expected/rubric.yaml", "prompt.md"


@dataclass(frozen=True)
class Bad:
    """An edit of one file of a valid case and the one problem that must come of it."""

    file: str
    old: str
    new: str
    key: str
    reason: str
    fix: str = ""
    at: str | None = None


BAD_TEST_YAML = [
    Bad(TEST, "name: A sample", "name: A sample\nnmae: x", "nmae", "unknown key 'nmae'", "'name'"),
    Bad(TEST, "id: sample", "id: sample\nidd: x", "idd", "unknown key", "'id'"),
    Bad(TEST, "prompt_file:", "prompt_fil:", "task.prompt_fil", "unknown key", "'prompt_file'"),
    Bad(TEST, "id: sample", "id: sample\nzzzzzz: x", "zzzzzz", "unknown key", "Known here: id, name"),
    Bad(TEST, "name: A sample\n", "", "name", "missing", "Add 'name:'"),
    Bad(TEST, "name: A sample", "name: 12", "name", "must be text, not a number ('12')", '"12"'),
    Bad(TEST, "name: A sample", "name: true", "name", "a truth value (true)", 'quotes: "true"'),
    Bad(TEST, "name: A sample", "name:", "name", "must be text, not empty", "remove the key"),
    Bad(TEST, "name: A sample", "name: ' '", "name", "must not be empty"),
    Bad(TEST, "name: A sample", "name: [a]", "name", "must be text, not a list"),
    Bad(TEST, "id: sample", "id: ../x", "id", "'../x' cannot be an id", "letters, digits"),
    Bad(TEST, "id: sample", "id: a b", "id", "cannot be an id"),
    Bad(TEST, "id: sample", f"id: {'x' * 65}", "id", "cannot be an id", "1 to 64"),
    Bad(TEST, "id: sample", 'id: "a\\n"', "id", "cannot be an id"),
    Bad(TEST, "[T0, T1]", "[T0, T7]", "tiers[1]", "unknown tier 'T7'", "T0, T1, T2"),
    Bad(TEST, "[T0, T1]", "[T0, t1]", "tiers[1]", "unknown tier 't1'", "'T1'"),
    Bad(TEST, "[T0, T1]", "T0", "tiers", "must be a list, not the text 'T0'"),
    Bad(TEST, "[T0, T1]", "{T0: x}", "tiers", "must be a list, not a mapping"),
    Bad(TEST, "task:", "task:\n  timeout_seconds: '60'", "task.timeout_seconds", "must be a number", "without quotes"),
    Bad(TEST, "task:", "task:\n  timeout_seconds: true", "task.timeout_seconds", "must be a number, not a truth"),
    Bad(TEST, "task:", "task:\n  timeout_seconds: 0", "task.timeout_seconds", "greater than 0, not 0"),
    Bad(TEST, "task:", "task:\n  timeout_seconds: -5", "task.timeout_seconds", "greater than 0, not -5"),
    Bad(TEST, "task:", "task:\n  timeout_seconds: .inf", "task.timeout_seconds", "must be a number"),
    Bad(TEST, "task:", "task:\n  timeout_seconds: 1e300", "task.timeout_seconds", "at most 604800"),
    Bad(TEST, "prompt.md", "../prompt.md", "task.prompt_file", "leads outside the folder", "'..'"),
    Bad(TEST, "prompt.md", "/etc/passwd", "task.prompt_file", "not a relative path"),
    Bad(TEST, "prompt.md", '"a\\0b"', "task.prompt_file", "is not a path"),
    Bad(TEST, "prompt.md", "''", "task.prompt_file", "is not a path"),
    Bad(TEST, "expected/criteria.md", "../c.md", "validation.criteria_file", "leads outside"),
    Bad(TEST, "expected/rubric.yaml", "../r.yaml", "validation.rubric_file", "leads outside"),
    Bad(TEST, "validation:", "validation:\n  hidden: ../h", "validation.hidden", "leads outside"),
    Bad(TEST, "validation:", "validation:\n  hidden: none", "validation.hidden", "does not exist"),
    Bad(TEST, "validation:", "validation:\n  hidden: prompt.md", "validation.hidden", "is no folder"),
    Bad(TEST, "validation:", f"validation:\n  hidden: {'h' * 5000}", "validation.hidden", "does not exist"),
    Bad(TEST, "validation:", "validation:\n  hidden: workspace", "source.path", "see what grades it"),
    Bad(
        TEST, "validation:", "validation:\n  requires: [/bin/sh]", "validation.requires[0]", "not the name of a program"
    ),
    Bad(TEST, "validation:", "validation:\n  protect: ['../x']", "validation.protect[0]", "not a pattern of files"),
    Bad(TEST, "validation:", "validation:\n  protect: ['!']", "validation.protect[0]", "not a pattern of files"),
    Bad(TEST, "id: sample", "id: sample\nreference: none", "reference", "does not exist", ".patch file"),
    Bad(TEST, "id: sample", "id: sample\nreference: prompt.md", "reference", "is no .patch file"),
    Bad(TEST, "id: sample", "id: sample\nreference: workspace", "source.path", "see what grades it"),
    Bad(TEST, "prompt.md", "nothing.md", "", "the file does not exist", "task.prompt_file", at="nothing.md"),
    Bad(TEST, "prompt.md", "expected", "", "is a folder, not a file", at="expected"),
    Bad(TEST, "prompt.md", "p" * 5000, "", "cannot be read", at="p" * 5000),
    Bad(TEST, "rubric.yaml", "none.yaml", "", "does not exist", "validation.rubric_file", at="expected/none.yaml"),
    Bad(TEST, "workspace", "nowhere", "source.path", "there is no folder", "relative to the case folder"),
    Bad(TEST, "workspace", "w" * 5000, "source.path", "there is no folder"),
    Bad(TEST, "workspace", '"a\\0b"', "source.path", "is not a path"),
    Bad(TEST, "workspace", "prompt.md", "source.path", "there is no folder"),
    Bad(TEST, "path: workspace", "path: .", "source.path", "the agent would see what grades it"),
    Bad(TEST, "path: workspace", "path: expected", "source.path", "the agent would see what grades it"),
    Bad(TEST, "path: workspace", f"path: workspace\n  hash: '{HASH}'", "source.hash", "is not a git repository"),
    Bad(TEST, "path: workspace", f"repo: nowhere\n  hash: '{HASH}'", "source.repo", "there is no git repository"),
    Bad(TEST, "path: workspace", f"repo: 'ext::sh -c x'\n  hash: '{HASH}'", "source.repo", "neither a path nor a git"),
    Bad(TEST, "path: workspace", f"repo: --upload-pack=x\n  hash: '{HASH}'", "source.repo", "neither a path nor a git"),
    Bad(TEST, "path: workspace", f"bundle: no.bundle\n  hash: '{HASH}'", "source.bundle", "there is no file"),
    Bad(TEST, "path: workspace", f"bundle: prompt.md\n  hash: '{HASH}'", "source.bundle", "is not a git bundle"),
    Bad(TEST, "path: workspace", "repo: https://e.org/x", "source", "needs a 'hash'"),
    Bad(TEST, "path: workspace", "branch: main", "source", "none of repo, path, bundle", "one of repo"),
    Bad(TEST, "path: workspace", "path: workspace\n  repo: https://e.org/x", "source", "has repo, path"),
    Bad(TEST, "path: workspace", "path: workspace\n  hash: abc123", "source.hash", "40 hexadecimal", "rev-parse"),
    Bad(TEST, "path: workspace", f"path: workspace\n  hash: {'1' * 40}", "source.hash", "must be text", "quotes"),
    Bad(TEST, "name: A sample", "name: A: sample", "", "line 2, column 8", "quotes"),
    Bad(TEST, "name: A sample", "name: [A", "", "is not valid YAML (line 3"),
    Bad(TEST, "name: A sample", "name: A sample\nname: B", "name", "given twice (again at line 3)", "Keep one"),
    Bad(TEST, "name: A sample", "? [a]\n: b\nname: x", "", "a key must be a text"),
    Bad(TEST, "name: A sample", "name: !!python/object:os.system x", "", "tag"),
    Bad(TEST, "name: A sample", "name: &a [*a]", "", "an alias that contains itself"),
    Bad(TEST, "name: A sample", "name: 1e999", "", "too large"),
    Bad(TEST, "name: A sample", f"name: {'9' * 5000}", "", "too large"),
    Bad(TEST, "name: A sample", 'name: "\\ud800"', "", "surrogate"),
    Bad(TEST, "name: A sample", 'name: "\\UFFFFFFFF"', "", "is not valid YAML"),
    Bad(TEST, "name: A sample", "name: \a", "", "line 2: character"),
    Bad(TEST, "name: A sample", "name: *nowhere", "", "line 2"),
    Bad(TEST, "name: A sample", "name: x\n---\nname: y", "", "is not valid YAML"),
    Bad(TEST, "name: A sample", "name: " + "[" * 900 + "]" * 900, "", "nested more than 40 levels"),
    Bad(TEST, "name: A sample", "<<: {name: x}\nname: y", "<<", "unknown key '<<'"),
]

BAD_RUBRIC_YAML = [
    Bad(RUBRIC, "weight: 0.6", "weight: 0.5", "categories", "sum to 0.9, not to 1", "sum to 1"),
    Bad(RUBRIC, "id: W2", "id: W1", "categories.works.items[1].id", "already used by categories.works.items[0]"),
    Bad(RUBRIC, "id: R1", "id: W1", "categories.reads.items[0].id", "already used by categories.works.items[0]"),
    Bad(RUBRIC, "points: 2,", "points: 0,", "categories.works.items[1].points", "greater than 0, not 0"),
    Bad(RUBRIC, "points: 2,", "points: -1,", "categories.works.items[1].points", "greater than 0, not -1"),
    Bad(RUBRIC, "points: 2,", "points: true,", "categories.works.items[1].points", "must be a number, not a truth"),
    Bad(RUBRIC, "points: 2,", "points: .nan,", "categories.works.items[1].points", "must be a number"),
    Bad(RUBRIC, "points: 2,", "pionts: 2, points: 2,", "categories.works.items[1].pionts", "unknown key", "'points'"),
    Bad(RUBRIC, "scoring_type: checklist", "scoring_type: checklst", "categories.works.scoring_type", "subjective"),
    Bad(RUBRIC, 'run: "true"', 'run: ""', "categories.works.items[0].run", "must not be empty"),
    Bad(RUBRIC, 'run: "true"', "run: true", "categories.works.items[0].run", "must be text", '"true"'),
    Bad(RUBRIC, 'run: "true"', "expect: {stdout: x}", "categories.works.items[0].expect", "nothing without 'run'"),
    Bad(RUBRIC, "id: W1", "id: a/b", "categories.works.items[0].id", "cannot be an id"),
    Bad(RUBRIC, "categories:", "grading: {pass_threshold: 1.5}\ncategories:", "grading.pass_threshold", "at most 1"),
    Bad(RUBRIC, "categories:", "grading: {pass_threshold: 85}\ncategories:", "grading.pass_threshold", "at most 1"),
    Bad(RUBRIC, "categories:", "grading: {pass_threshold: -1}\ncategories:", "grading.pass_threshold", "at least 0"),
    Bad(RUBRIC, "categories:", "grading: {pass: 1}\ncategories:", "grading.pass", "unknown key"),
    Bad(RUBRIC, "categories:", "grading: {grade_scale: {A: 2}}\ncategories:", "grading.grade_scale.A", "at most 1"),
    Bad(RUBRIC, "categories:", "grading: {grade_scale: {}}\ncategories:", "grading.grade_scale", "not be empty"),
    Bad(RUBRIC, "categories:", "grading: {grade_scale: {A: 0, B: 0}}\ncategories:", "grading.grade_scale.B", "same"),
    Bad(RUBRIC, "categories:", "requirements: []\ncategory:", "category", "unknown key", "'categories'"),
    Bad(
        RUBRIC,
        "categories:",
        "requirements: [{id: Z, description: d, weight: 11, evaluation: binary}]\ncategories:",
        "requirements[0].weight",
        "at most 10",
    ),
]

EXPECT_KEY = "categories.works.items[0].expect"
BAD_EXPECT = [
    ("{exit: 1}", "exit", "unknown key", "'exit_code'"),
    ("{exit_code: '0'}", "exit_code", "must be a whole number", "without quotes"),
    ("{stdout: {contians: x}}", "stdout.contians", "unknown key", "'contains'"),
    ("{stdout: 3}", "stdout", "must be a mapping, not a number", ""),
    ("{stdout: {pattern: '('}}", "stdout.pattern", "is not a Python regular expression", ""),
    ("{files: [{path: /etc/passwd}]}", "files[0].path", "not a relative path", ""),
    ("{files: [{path: ../x}]}", "files[0].path", "leads outside", ""),
    ("{files: [{path: 'C:/x'}]}", "files[0].path", "not a relative path", ""),
    ("{files: [{exists: true}]}", "files[0].path", "missing", "Add 'path:'"),
    ("{files: [{path: a, exists: 'yes'}]}", "files[0].exists", "must be true or false", ""),
    ("{files: [{path: a, exists: false, equals: b}]}", "files[0]", "cannot have conditions", ""),
    ("{files: {path: a}}", "files", "must be a list", ""),
    ("{jsno: []}", "jsno", "unknown key", "'json'"),
    ("{json: [{pointer: /a}]}", "json[0]", "no condition on the value", "'equals'"),
    ("{json: [{pointer: a, equals: 1}]}", "json[0].pointer", "not a JSON pointer", ""),
    ("{json: [{pointer: /a~2, equals: 1}]}", "json[0].pointer", "not a JSON pointer", ""),
    ("{json: [{file: a, of: stdout, equals: 1}]}", "json[0]", "either in a file or in the output", ""),
    ("{json: [{at_most: 1, tolerance: 1}]}", "json[0]", "nothing without 'equals'", ""),
    ("{json: [{equals: 1, tolerance: -1}]}", "json[0].tolerance", "at least 0", ""),
    ("{json: [{eqals: 1, at_most: 1}]}", "json[0].eqals", "unknown key", "'equals'"),
    ("{tests: {}}", "tests.file", "missing", "Add 'file:'"),
    ("{tests: {file: ../r.xml}}", "tests.file", "leads outside", ""),
    ("{tests: {file: r.xml, format: tap}}", "tests.format", "must be", ""),
    ("{tests: {file: r.xml, scoring: part}}", "tests.scoring", "must be one of all, share", ""),
    ("{tests: {file: r.xml, fail_to_pass: [x]}}", "tests.fail_to_pass[0]", "does not name a test", "classname::name"),
    ("{tests: {file: r.xml, fail_to_pass: ['a::b'], pass_to_pass: ['a::b']}}", "tests", "named twice", ""),
]


def the_error(folder: Path):
    loaded = load_cases([folder])
    assert loaded.cases == ()
    (problem,) = loaded.problems
    assert problem.severity is Severity.ERROR
    assert problem.fix
    return problem


def edit(folder: Path, bad: Bad) -> None:
    text = (folder / bad.file).read_text()
    assert bad.old in text
    (folder / bad.file).write_text(text.replace(bad.old, bad.new, 1))


@pytest.mark.parametrize("bad", BAD_TEST_YAML + BAD_RUBRIC_YAML, ids=lambda bad: f"{bad.new[:40]!r}")
def test_a_bad_file_gives_one_problem_that_names_file_and_key(case_folder, bad):
    edit(case_folder, bad)
    problem = the_error(case_folder)
    assert problem.file == str(case_folder / (bad.at or bad.file))
    assert problem.key == bad.key
    assert bad.reason in problem.reason
    assert bad.fix in problem.fix


@pytest.mark.parametrize(("expect", "key", "reason", "fix"), BAD_EXPECT)
def test_a_bad_expectation(case_folder, expect, key, reason, fix):
    edit(case_folder, Bad(RUBRIC, 'run: "true"', f'run: "true", expect: {expect}', "", ""))
    problem = the_error(case_folder)
    assert problem.key == f"{EXPECT_KEY}.{key}"
    assert reason in problem.reason
    assert fix in problem.fix


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        (TEST, b"", "the file is empty"),
        (TEST, b"- a\n", "must be a mapping, not a list"),
        (TEST, b"just a text", "must be a mapping, not the text"),
        (TEST, b"id: \xff\xfe\n", "is not UTF-8 text (first bad byte at offset 4)"),
        (TEST, b"x: " + b"a" * 1024 * 1024, "the limit is 1 MiB"),
        (RUBRIC, b"", "the file is empty"),
        (RUBRIC, b"{}", "neither categories nor requirements"),
        (RUBRIC, b"categories: {}", "neither categories nor requirements"),
        (RUBRIC, b"categories: {a: {weight: 1, items: []}}", "the category has no items"),
        (RUBRIC, b"a: [" + b"a," * 60_000 + b"]", "more than 50000 values"),
        (PROMPT, b"", "the prompt is empty"),
        (PROMPT, b" \n\t\n", "the prompt is empty"),
        (PROMPT, b"\xff", "is not UTF-8 text"),
        ("config.yaml", b"timeout: 5", "unknown key 'timeout'"),
        ("config.yaml", b"max_cost_usd: 0", "greater than 0"),
        ("config.yaml", b"max_cost_usd: 1e999", "too large"),
        ("offline.yaml", b"agent: {turns: [{say: x}]}", "missing"),
    ],
)
def test_a_file_of_bad_content(case_folder, file, content, reason):
    (case_folder / file).write_bytes(content)
    problem = the_error(case_folder)
    assert problem.file == str(case_folder / file)
    assert reason in problem.reason


@pytest.mark.parametrize("file", [TEST, RUBRIC, PROMPT])
def test_a_missing_file(case_folder, file):
    (case_folder / file).unlink()
    problem = the_error(case_folder)
    assert file in f"{problem.file} {problem.reason}"


def test_an_alias_bomb_is_refused_before_it_goes_off(case_folder):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (case_folder / RUBRIC).write_text("\n".join(lines))
    assert "aliases included" in the_error(case_folder).reason


def test_a_huge_prompt_is_refused_by_its_size_alone(case_folder):
    with (case_folder / PROMPT).open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    problem = the_error(case_folder)
    assert "50.0 MiB (52428800 bytes)" in problem.reason
    assert "no model" in problem.fix


def test_a_pipe_as_prompt_is_not_waited_for(case_folder):
    (case_folder / PROMPT).unlink()
    os.mkfifo(case_folder / PROMPT)
    assert "neither a file nor a folder" in the_error(case_folder).reason


def test_a_pipe_in_the_source_is_not_waited_for(case_folder):
    os.mkfifo(case_folder / "workspace/pipe")
    problem = the_error(case_folder)
    assert problem.key == "source.path"
    assert "neither a file, a folder nor a link" in problem.reason


def test_a_link_that_leads_outside_is_refused(case_folder):
    (case_folder / PROMPT).unlink()
    (case_folder / PROMPT).symlink_to("/etc/passwd")
    problem = the_error(case_folder)
    assert problem.key == "task.prompt_file"
    assert "leads outside the case folder, to /etc/passwd" in problem.reason


@pytest.mark.parametrize("entry", ["link", ".git", "pipe"])
def test_hidden_files_hold_nothing_that_cannot_be_laid_over(case_folder, entry):
    hidden = case_folder / "hidden"
    hidden.mkdir()
    if entry == "link":
        (hidden / entry).symlink_to("../prompt.md")
    elif entry == "pipe":
        os.mkfifo(hidden / entry)
    else:
        (hidden / entry).mkdir()
    edit(case_folder, Bad(TEST, "validation:", "validation:\n  hidden: hidden", "", ""))
    problem = the_error(case_folder)
    assert problem.key == "validation.hidden"
    assert entry in problem.reason


def test_a_link_loop_is_a_problem(case_folder):
    (case_folder / PROMPT).unlink()
    (case_folder / PROMPT).symlink_to(PROMPT)
    assert "cannot be read" in the_error(case_folder).reason


def test_all_problems_of_all_folders_are_reported_at_once(tmp_path, make_case):
    first, second = make_case(tmp_path / "first"), make_case(tmp_path / "second")
    edit(first, Bad(TEST, "name: A sample", "nmae: 3\ntimeout: 5", "", ""))
    edit(first, Bad(TEST, "path: workspace", "path: nowhere", "", ""))
    edit(first, Bad(RUBRIC, "points: 2,", "points: 0,", "", ""))
    (first / PROMPT).write_text("")
    (first / "config.yaml").write_text("max_cost: 1")
    (first / "offline.yaml").write_text("schema_version: 2\nagent: {turns: []}")
    (second / RUBRIC).write_text("categories: [")
    found = {(Path(p.file).relative_to(tmp_path).as_posix(), p.key) for p in load_cases([tmp_path]).problems}
    assert found == {
        ("first/test.yaml", "nmae"),
        ("first/test.yaml", "timeout"),
        ("first/test.yaml", "name"),
        ("first/test.yaml", "source.path"),
        ("first/expected/rubric.yaml", "categories.works.items[1].points"),
        ("first/prompt.md", ""),
        ("first/config.yaml", "max_cost"),
        ("first/offline.yaml", "schema_version"),
        ("first/offline.yaml", "agent.turns"),
        ("second/expected/rubric.yaml", ""),
    }


def test_an_id_may_be_used_once_over_all_folders(tmp_path, make_case):
    make_case(tmp_path / "a")
    edit(make_case(tmp_path / "b"), Bad(TEST, "id: sample", "id: SAMPLE", "", ""))
    loaded = load_cases([tmp_path / "a", tmp_path / "b"])
    assert [case.id for case in loaded.cases] == ["sample"]
    (problem,) = loaded.problems
    assert (problem.file, problem.key) == (str(tmp_path / "b/test.yaml"), "id")
    assert str(tmp_path / "a/test.yaml") in problem.reason


def test_paths_that_hold_no_case(tmp_path, case_folder):
    (tmp_path / "empty").mkdir()
    paths = [tmp_path / "missing", tmp_path / "empty", case_folder / PROMPT, case_folder / TEST]
    reasons = [problem.reason for problem in load_cases(paths).problems]
    assert reasons == [
        "the folder does not exist",
        "is no case: there is neither a test.yaml in it nor a folder with one",
        "is a file, not a case folder",
        "is a file, not a case folder",
    ]


def test_a_forgotten_test_yaml_beside_other_cases_is_a_warning(tmp_path, make_case):
    make_case(tmp_path / "good")
    (make_case(tmp_path / "half") / TEST).unlink()
    loaded = load_cases([tmp_path])
    assert len(loaded.cases) == 1
    (problem,) = loaded.problems
    assert (problem.severity, problem.file) == (Severity.WARNING, str(tmp_path / "half"))


WORDS = (
    r"id: |name: |source:|path: |- |[|]|{|}|&a |*a|!!int |!!bool x|!|%YAML |'|\x|>|? |: |#|categories:|items:|"
    r"weight: |1|1e9|~|true|<<: |é|---|...|@|`|requirements:|expect: |files: |\ud800|%TAG ! "
)
YAML_PIECES = st.sampled_from([*WORDS.split("|"), "\n", "\n  ", "|", '"', "\t", "\0", "\ufeff"])
CONTENT = st.one_of(
    st.binary(max_size=200),
    st.lists(YAML_PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode()),
)


@given(test_yaml=CONTENT, rubric=CONTENT)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_loading_never_raises_for_content(case_folder, test_yaml, rubric):
    (case_folder / TEST).write_bytes(test_yaml)
    (case_folder / "config.yaml").write_bytes(rubric)
    (case_folder / "offline.yaml").write_bytes(rubric)
    assert load_cases([case_folder]).problems


@given(content=CONTENT)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_loading_never_raises_for_a_rubric(case_folder, content):
    (case_folder / RUBRIC).write_bytes(content)
    assert load_cases([case_folder]).problems


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "path", "items"]), inner),
    max_leaves=6,
)


@given(
    key=st.sampled_from(["id", "name", "source", "task", "validation", "tiers", "tags", "categories"]),
    value=VALUES,
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_loading_never_raises_for_values_of_any_type(case_folder, key, value):
    (case_folder / TEST).write_text(json.dumps({"id": "x", "name": "x", "source": {"path": "workspace"}, key: value}))
    (case_folder / RUBRIC).write_text(json.dumps({"categories": value, "requirements": value, "grading": value}))
    assert load_cases([case_folder]).problems
