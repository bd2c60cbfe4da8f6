"""Valid cases become domain types; the digest changes exactly with what matters."""

import os
import shutil
from pathlib import Path

import pytest

from scylla.config.cases import load_cases
from scylla.domain.case import DEFAULT_PROTECT, SourceKind
from scylla.domain.problem import Severity
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Check, FileMatch, JsonMatch, ReportMatch, Scoring, TextMatch

HASH = "0123456789abcdef0123456789abcdef01234567"


def load_one(folder: Path):
    loaded = load_cases([folder])
    assert loaded.problems == ()
    (case,) = loaded.cases
    return case


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_case_folder_becomes_a_case(case_folder):
    case = load_one(case_folder)
    assert (case.id, case.name, case.prompt, case.criteria) == ("sample", "A sample", "Do it.\n", "It is done.\n")
    assert case.source.kind is SourceKind.FOLDER
    assert case.source.location == str(case_folder / "workspace")
    assert case.source.commit is None
    assert (case.timeout_s, case.max_cost_usd, case.tiers, case.tags) == (3600.0, None, ("T0", "T1"), ())
    assert case.offline_file is None
    assert len(case.digest) == 64


def test_limits_come_from_config_yaml_and_test_yaml_wins(case_folder):
    (case_folder / "config.yaml").write_text("timeout_seconds: 60\nmax_cost_usd: 2\n")
    assert (load_one(case_folder).timeout_s, load_one(case_folder).max_cost_usd) == (60.0, 2.0)
    replace(case_folder / "test.yaml", "task:\n", "task:\n  timeout_seconds: 5.5\n")
    assert load_one(case_folder).timeout_s == 5.5


def test_a_categories_rubric_keeps_order_weights_and_checks(case_folder):
    rubric = load_one(case_folder).rubric
    assert [(category.name, category.weight) for category in rubric.categories] == [("works", 0.6), ("reads", 0.4)]
    assert [(item.id, item.points, item.scoring) for item in rubric.items] == [
        ("W1", 1.0, Scoring.BINARY),
        ("W2", 2.0, Scoring.SCALED),
        ("R1", 1.5, Scoring.SCALED),
    ]
    assert rubric.items[0].check == Check(run="true")
    assert rubric.items[1].na_condition == "nothing was asked"
    assert (rubric.pass_threshold, rubric.grade_scale) == (0.60, DEFAULT_GRADE_SCALE)
    assert rubric.closing_message is True


def test_a_requirement_of_weight_0_is_left_out_with_a_warning(case_folder):
    rubric = case_folder / "expected/rubric.yaml"
    lines = "requirements: [{id: R1, description: a, weight: 0, evaluation: binary}"
    rubric.write_text(f"{lines}, {{id: R2, description: b, weight: 10, evaluation: scaled}}]")
    loaded = load_cases([case_folder])
    assert [item.id for item in loaded.cases[0].rubric.items] == ["R2"]
    assert [problem.key for problem in loaded.problems] == ["requirements[0].weight"]
    rubric.write_text(f"{lines}]")
    assert load_cases([case_folder]).cases == (), "nothing is left to be graded"


def test_a_requirements_rubric_is_one_category_whose_points_are_the_weights(case_folder):
    (case_folder / "expected/rubric.yaml").write_text(
        """
requirements:
  - {id: R001, description: It exists, weight: 2.5, evaluation: binary}
  - id: R002
    description: It reads well
    weight: 1
    evaluation: scaled
    criteria: [short names, no noise]
    scoring: {1.0: all of it, 0.5: half of it}
grading:
  pass_threshold: 0.7
  closing_message: false
  grade_scale: {F: 0, A: 0.95, B: 0.85}
"""
    )
    rubric = load_one(case_folder).rubric
    (category,) = rubric.categories
    assert (category.name, category.weight) == ("requirements", 1.0)
    assert [(item.points, item.scoring) for item in rubric.items] == [(2.5, Scoring.BINARY), (1.0, Scoring.SCALED)]
    assert rubric.items[1].text.splitlines() == [
        "It reads well",
        "- short names",
        "- no noise",
        "- share 1.0: all of it",
        "- share 0.5: half of it",
    ]
    assert (rubric.pass_threshold, rubric.closing_message) == (0.7, False)
    assert rubric.grade_scale == (("A", 0.95), ("B", 0.85), ("F", 0.0))


def test_expectations_of_a_check(case_folder):
    replace(
        case_folder / "expected/rubric.yaml",
        'run: "true"',
        'run: "make", timeout_seconds: 7, expect: {exit_code: null, stdout: done, stderr: {equals: ""}, '
        "files: [{path: out/a.txt, pattern: '^a+$'}, {path: b, exists: false}]}",
    )
    assert load_one(case_folder).rubric.items[0].check == Check(
        run="make",
        timeout_s=7.0,
        exit_code=None,
        stdout=TextMatch(contains="done"),
        stderr=TextMatch(equals=""),
        files=(FileMatch(path="out/a.txt", text=TextMatch(pattern="^a+$")), FileMatch(path="b", exists=False)),
    )


def test_expectations_on_json_and_on_tests(case_folder):
    replace(
        case_folder / "expected/rubric.yaml",
        'run: "true"',
        'run: "make", requires: [make], expect: {json: [{pointer: /a, equals: null}, {file: o.json, at_least: 2}], '
        "tests: {file: r.xml, fail_to_pass: ['a::b'], pass_to_pass: ['a::c'], scoring: share}}",
    )
    item = load_one(case_folder).rubric.items[0]
    assert item.scoring is Scoring.SCALED
    assert item.check == Check(
        run="make",
        exit_code=None,
        json=(JsonMatch(pointer="/a", equals="null"), JsonMatch(file="o.json", at_least=2.0)),
        report=ReportMatch(file="r.xml", fail_to_pass=("a::b",), pass_to_pass=("a::c",)),
        requires=("make",),
    )


@pytest.mark.parametrize(("exit_code", "asked"), [("", None), ("exit_code: 3,", 3), ("exit_code: null,", None)])
def test_beside_tests_the_exit_code_is_asked_only_when_it_is_written(case_folder, exit_code, asked):
    rubric = case_folder / "expected/rubric.yaml"
    replace(rubric, 'run: "true"', f'run: "true", expect: {{{exit_code} tests: {{file: r.xml}}}}')
    item = load_one(case_folder).rubric.items[0]
    assert (item.check.exit_code, item.scoring) == (asked, Scoring.BINARY)


def add_hidden(folder: Path) -> None:
    (folder / "hidden").mkdir()
    (folder / "hidden/test_it.py").write_text("assert True\n")
    replace(folder / "test.yaml", "validation:\n", "validation:\n  hidden: hidden\n")


def add_reference(folder: Path) -> None:
    (folder / "solution.patch").write_text("diff --git a/a b/a\n")
    replace(folder / "test.yaml", "id: sample\n", "id: sample\nreference: solution.patch\n")


def test_hidden_files_reference_and_what_grading_needs(case_folder):
    add_hidden(case_folder)
    add_reference(case_folder)
    more = "validation:\n  requires: [python3, node]\n  protect: ['tests/**', '!conftest.py']\n"
    replace(case_folder / "test.yaml", "validation:\n", more)
    case = load_one(case_folder)
    assert (case.hidden, case.reference) == (case_folder / "hidden", case_folder / "solution.patch")
    assert case.requires == ("python3", "node")
    assert case.protect == (*DEFAULT_PROTECT, "tests/**", "!conftest.py")


def test_a_change_of_the_hidden_files_changes_the_digest(case_folder):
    add_hidden(case_folder)
    digest = load_one(case_folder).digest
    (case_folder / "hidden/__pycache__").mkdir()
    (case_folder / "hidden/__pycache__/test_it.pyc").write_text("left by a run of them")
    assert load_one(case_folder).digest == digest
    (case_folder / "hidden/test_it.py").write_text("assert False\n")
    assert load_one(case_folder).digest != digest


@pytest.mark.parametrize("url", ["https://example.org/a.git", "git@example.org:a/b.git", "ssh://git@example.org/a"])
def test_a_git_url_is_kept_as_it_is(case_folder, url):
    replace(case_folder / "test.yaml", "path: workspace", f"repo: {url}\n  hash: '{HASH}'\n  branch: main")
    source = load_one(case_folder).source
    assert (source.kind, source.location, source.commit) == (SourceKind.GIT, url, HASH)


def test_a_local_repository_and_a_bundle_become_absolute_paths(case_folder):
    (case_folder.parent / "upstream/.git").mkdir(parents=True)
    replace(case_folder / "test.yaml", "path: workspace", f"repo: ../upstream\n  hash: '{HASH}'")
    assert load_one(case_folder).source.location == str(case_folder.parent / "upstream")
    (case_folder / "code.bundle").write_bytes(b"# v2 git bundle\n" + HASH.encode())
    replace(case_folder / "test.yaml", "repo: ../upstream", "bundle: code.bundle")
    source = load_one(case_folder).source
    assert (source.kind, source.location) == (SourceKind.BUNDLE, str(case_folder / "code.bundle"))


def test_a_folder_may_be_pinned_when_it_is_a_repository(case_folder):
    (case_folder / "workspace/.git").mkdir()
    replace(case_folder / "test.yaml", "path: workspace", f"path: workspace\n  hash: '{HASH.upper()}'")
    source = load_one(case_folder).source
    assert (source.kind, source.commit) == (SourceKind.FOLDER, HASH)


def test_a_folder_of_cases_gives_all_of_them_once(tmp_path, make_case):
    for name in ("b", "a"):
        make_case(tmp_path / name)
        replace(tmp_path / name / "test.yaml", "id: sample", f"id: {name}")
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").write_text("not a case")
    loaded = load_cases([tmp_path / "b", tmp_path])
    assert [case.id for case in loaded.cases] == ["b", "a"]
    assert loaded.problems == ()


def test_what_public_cases_have_too_much_or_too_little_is_a_warning(case_folder):
    (case_folder / "expected/criteria.md").unlink()
    (case_folder / "expected/rubric.yaml").write_text(
        """
requirements:
  - {id: R1, description: It runs, weight: 1, evaluation: binary, validation_command: make, skill_source: x}
categories:
  quality: {weight: 2.0, description: It is good}
grading: {pass_threshold: 0.6, min_correctness: 0.8}
"""
    )
    loaded = load_cases([case_folder])
    assert len(loaded.cases) == 1
    assert {problem.severity for problem in loaded.problems} == {Severity.WARNING}
    assert [problem.key for problem in loaded.problems] == [
        "",
        "grading.min_correctness",
        "requirements[0].skill_source",
        "requirements[0].validation_command",
        "categories.quality",
    ]


def test_files_are_named_relative_to_the_working_folder_when_below_it():
    (problem,) = load_cases([Path("no/such/folder")]).problems
    assert problem.file == "no/such/folder"
    (problem,) = load_cases([Path("/no/such/folder")]).problems
    assert problem.file == "/no/such/folder"


def test_moving_the_folder_keeps_the_digest(tmp_path, case_folder):
    digest = load_one(case_folder).digest
    shutil.copytree(case_folder, tmp_path / "elsewhere/copy", copy_function=shutil.copyfile)
    assert load_one(tmp_path / "elsewhere/copy").digest == digest


def test_moving_a_case_with_its_local_repository_keeps_the_digest(tmp_path, case_folder):
    (case_folder / "code.git").mkdir()
    (case_folder / "code.git/HEAD").write_text("ref: refs/heads/main\n")
    replace(case_folder / "test.yaml", "path: workspace", f"repo: code.git\n  hash: '{HASH}'")
    digest = load_one(case_folder).digest
    case_folder.rename(tmp_path / "moved")
    assert load_one(tmp_path / "moved").digest == digest


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: replace(folder / "test.yaml", "name: A sample", "name: Another name"),
        lambda folder: replace(folder / "test.yaml", "tiers: [T0, T1]", "tags: [x]"),
        lambda folder: (folder / "workspace/README.md").chmod(0o600),
        lambda folder: (folder / "workspace/.git").mkdir(),
        lambda folder: (folder / "notes.txt").write_text("beside the case"),
        lambda folder: replace(folder / "expected/rubric.yaml", "categories:", "# a comment\ncategories:"),
        lambda folder: (folder / "config.yaml").write_text("timeout_seconds: 3600\n"),
        add_reference,
    ],
)
def test_the_digest_ignores_what_shapes_neither_run_nor_grade(case_folder, change):
    digest = load_one(case_folder).digest
    change(case_folder)
    assert load_one(case_folder).digest == digest


def grow_workspace_file(folder: Path) -> None:
    (folder / "workspace/new.py").write_text("")


def link_in_workspace(folder: Path) -> None:
    (folder / "workspace/link").symlink_to("README.md")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "prompt.md").write_text("Do it well.\n"),
        lambda folder: (folder / "expected/criteria.md").write_text("Other.\n"),
        lambda folder: replace(folder / "expected/rubric.yaml", "points: 2,", "points: 3,"),
        lambda folder: replace(folder / "expected/rubric.yaml", 'run: "true"', 'run: "false"'),
        lambda folder: replace(folder / "expected/rubric.yaml", "It reads well", "It reads badly"),
        lambda folder: (folder / "workspace/README.md").write_text("Changed\n"),
        lambda folder: (folder / "workspace/README.md").rename(folder / "workspace/README.txt"),
        lambda folder: (folder / "workspace/README.md").chmod(0o755),
        grow_workspace_file,
        add_hidden,
        lambda folder: replace(folder / "test.yaml", "validation:\n", "validation:\n  protect: [a]\n"),
        link_in_workspace,
        lambda folder: (folder / "config.yaml").write_text("timeout_seconds: 60\n"),
        lambda folder: (folder / "config.yaml").write_text("max_cost_usd: 1\n"),
        lambda folder: (folder / "offline.yaml").write_text("{schema_version: 1, agent: {turns: [{say: hi}]}}"),
    ],
)
def test_the_digest_changes_with_everything_that_matters(case_folder, change):
    digest = load_one(case_folder).digest
    change(case_folder)
    assert load_one(case_folder).digest != digest


def test_the_digest_reads_names_that_are_no_utf8(case_folder):
    name = os.fsencode(case_folder / "workspace") + b"/\xff"
    with open(name, "w"):
        pass
    assert load_one(case_folder).digest
