"""A case made from a commit: nothing of the solution is in its workspace, and its checks tell the two apart."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
import yaml

from scylla.cli.machine import search_path
from scylla.cli.main import run_command
from scylla.config.cases import load_cases
from scylla.e2e.checking import run_checks
from scylla.workspace.history import open_commit, write_bundle
from scylla.workspace.prepare import prepare
from scylla.workspace.rebuild import rebuild

MESSAGE = """Write slugs in lower case (#12)

Upper case letters of a title stayed in its slug, so that links broke on some servers.
Fixes #13. Broken since 1a2b3c4d.

Signed-off-by: Ann <ann@mail.example>
Api-Token: open-sesame
"""
SLUG = 'def slug(title):\n    return title{}.replace(" ", "-")\n'
TESTS = """import unittest

from pkg.slug import slug


class SlugTest(unittest.TestCase):
    def test_blanks(self):
        self.assertEqual(slug("a b"), "a-b")
"""
NEW_TEST = """
    def test_case(self):
        self.assertEqual(slug("A b"), "a-b")
"""


def git(folder, *words):
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "Ann", f"GIT_{role}_EMAIL": "ann@mail.example"}
    command = ["git", "-c", "init.defaultBranch=main", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout.strip()


def commit(folder, message, **files):
    """One commit of these files, written `folder__name_py`; None removes one."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if text is None else path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to work in; the Python of checks has no pytest, so that unittest is used."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {getattr(sys, "_base_executable", sys.executable)} -S "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "here"


@pytest.fixture
def project(tmp_path):
    """A beginning, a fix with a test, and a commit of documents."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, "Begin", pkg____init___DOT_py="", pkg__slug_DOT_py=SLUG.format(""), tests__test_slug_DOT_py=TESTS)
    commit(folder, MESSAGE, pkg__slug_DOT_py=SLUG.format(".lower()"), tests__test_slug_DOT_py=TESTS + NEW_TEST)
    commit(folder, "Say more", README_DOT_md="Slugs.\n")
    return folder


def make(project, ref, *more):
    return run_command(["new", "case", "--from-commit", str(project), ref, "--to", "made", *more])


def expected_tests(case="made"):
    rubric = yaml.safe_load(Path(case, "expected/rubric.yaml").read_text())
    return rubric["categories"]["works"]["items"][0]["expect"]["tests"]


def prepared(tmp_path, case="made"):
    loaded = load_cases([Path(case)])
    assert not loaded.problems
    return loaded.cases[0], anyio.run(prepare, loaded.cases[0].source, tmp_path / "prepared")


def names(tests):
    return [test.rpartition("::")[2] for test in tests]


def test_the_case_holds_what_the_commit_says(project, tmp_path, capsys):
    assert make(project, "HEAD~1") == 0
    assert run_command(["check", "made"]) == 0
    assert "0 error(s), 0 warning(s)" in capsys.readouterr().err
    case, source = prepared(tmp_path)
    assert source.commit == git(project, "rev-parse", "HEAD~2")
    tests = expected_tests()
    assert names(tests["fail_to_pass"]) == ["test_case"]
    assert names(tests["pass_to_pass"]) == ["test_blanks"]
    assert case.protect[-1] == "tests/**"
    assert Path("made/hidden/tests/test_slug.py").read_text() == TESTS + NEW_TEST
    assert "test_slug" not in Path("made/reference.patch").read_text()
    assert sorted(path.name for path in Path().iterdir()) == ["made"]


def test_no_object_of_the_commit_is_in_the_workspace_or_its_bundle(project, tmp_path):
    assert make(project, "HEAD~1") == 0
    _, source = prepared(tmp_path)
    assert (source.folder / "tests/test_slug.py").read_text() == TESTS
    git(tmp_path, "clone", "-q", "--bare", "here/made/source.bundle", "unpacked")
    before = {line.split()[0] for line in git(project, "rev-list", "--objects", "HEAD~2").splitlines()}
    for repository in (source.folder, tmp_path / "unpacked"):
        listed = git(repository, "cat-file", "--batch-check=%(objectname)", "--batch-all-objects")
        assert set(listed.split()) == before
        assert git(repository, "rev-list", "--all") == git(project, "rev-parse", "HEAD~2")


def test_the_reference_passes_everything_and_the_untouched_workspace_nothing(project, tmp_path):
    assert make(project, "HEAD~1") == 0
    case, source = prepared(tmp_path)
    parts = SimpleNamespace(scratch=tmp_path / "scratch", search_path=search_path(os.environ))

    async def points(workspace):
        options = {"pinned": source.folder, "overlay": (), "folder": tmp_path / "out", "parts": parts}
        checked = await run_checks(case, workspace, **options)
        assert checked.problem == ""
        return [mark.points for mark in checked.marks]

    async def both():
        await rebuild(source, case.reference, tmp_path / "solved", scratch=tmp_path / "rebuild")
        return await points(tmp_path / "solved"), await points(source.folder)

    assert anyio.run(both) == ([6.0], [0.0])


def test_the_prompt_is_a_draft_without_trailers_numbers_and_hashes(project):
    assert make(project, "HEAD~1") == 0
    prompt = Path("made/prompt.md").read_text()
    assert prompt.startswith("<!-- DRAFT")
    assert prompt.endswith(
        "Write slugs in lower case\n\n"
        "Upper case letters of a title stayed in its slug, so that links broke on some servers.\nBroken.\n"
    )
    everything = "".join(path.read_text() for path in Path("made").rglob("*.[my]*") if path.is_file())
    assert "sesame" not in everything
    assert "ann@" not in everything


def test_json_names_everything_that_was_found(project, capsys):
    assert make(project, "HEAD~1", "--id", "mine", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["id"] == "mine"
    assert document["tests"] == ["tests/test_slug.py"]
    assert document["reference"] == ["pkg/slug.py"]
    assert document["has_history"] is True


def test_a_url_is_cloned_and_nothing_of_the_repository_runs(project, tmp_path):
    marker = tmp_path / "ran"
    for hook in ("post-checkout", "reference-transaction", "pre-commit", "post-index-change"):
        (project / ".git/hooks").mkdir(exist_ok=True)
        (project / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (project / ".git/hooks" / hook).chmod(0o755)
    for key in ("filter.evil.smudge", "filter.evil.clean", "uploadpack.packObjectsHook", "core.fsmonitor"):
        git(project, "config", key, f"touch {marker}; cat")
    with (project / ".git/config").open("a") as config:
        config.write('[diff "evil"]\n textconv = touch ' + str(marker) + "\n")
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/attributes").write_text("* filter=evil diff=evil\n")
    assert make(f"file://{project}", "HEAD~1") == 0
    shutil.rmtree("made")
    assert make(project, "main~1") == 0
    assert not marker.exists()


def spoil_merge(project):
    git(project, "checkout", "-qb", "side", "HEAD~1")
    commit(project, "Aside", aside_DOT_txt="x")
    git(project, "merge", "-q", "--no-ff", "-m", "Merge", "main")


def spoil_only_tests(project):
    commit(project, "Test more", tests__test_more_DOT_py=TESTS)


def spoil_no_change_of_tests(project):
    commit(project, "Move", pkg__slug_DOT_py=SLUG.format(".lower().strip()"), tests__test_slug_DOT_py=TESTS + "\n")


def spoil_unknown_runner(project):
    commit(project, "Go", slug_DOT_go="package slug\n", slug_test_DOT_go="package slug\n")


@pytest.mark.parametrize(
    ("spoil", "ref", "told"),
    [
        (None, "HEAD~2", "has no parent"),
        (None, "HEAD", "adds or changes no test"),
        (None, "no-such-branch", "there is no commit no-such-branch"),
        (None, "ext::sh", "names no commit"),
        (spoil_merge, "side", "is a merge"),
        (spoil_only_tests, "HEAD", "changes only tests"),
        (spoil_no_change_of_tests, "HEAD", "no test fails before the commit and passes after it"),
        (spoil_unknown_runner, "HEAD", "not known how to run tests in go"),
    ],
)
def test_a_commit_that_makes_no_case_leaves_nothing(project, place, capsys, spoil, ref, told):
    if spoil:
        spoil(project)
    assert run_command(["new", "case", "--from-commit", str(project), ref, "--to", "new/made"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "→" in error
    assert list(place.iterdir()) == []


def test_a_folder_that_exists_is_never_touched(project, capsys):
    Path("made").mkdir()
    assert make(project, "HEAD~1") == 2
    assert run_command(["new", "case", "made"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert list(Path("made").iterdir()) == []


def test_a_flaky_test_is_left_out_and_named(project, tmp_path, capsys):
    counter = tmp_path / "counter"
    flaky = f"""
    def test_flaky(self):
        with open({str(counter)!r}, "a+") as file:
            file.write("x")
            file.seek(0)
            self.assertEqual(len(file.read()) % 2, 0)
"""
    commit(project, "Trim", pkg__slug_DOT_py=SLUG.format(".lower().strip()"), tests__test_slug_DOT_py=TESTS + NEW_TEST
           + '\n    def test_trim(self):\n        self.assertEqual(slug(" a "), "a")\n' + flaky)  # fmt: skip
    assert make(project, "HEAD", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (names(document["fail_to_pass"]), names(document["flaky"])) == (["test_trim"], ["test_flaky"])
    assert "test_flaky" not in Path("made/expected/rubric.yaml").read_text()


def test_patterns_say_what_is_a_test(project, capsys):
    commit(project, "Trim", pkg__slug_DOT_py=SLUG.format(".lower().strip()"), acceptance__test_trim_DOT_py="",
           acceptance__trim_DOT_sh='test "$(python3 -c \'from pkg.slug import slug; print(slug(" a "))\')" = a',
           tests__notes_DOT_txt="n\n")  # fmt: skip
    runner = (
        'sh acceptance/trim.sh && inner="" || inner="<failure/>"; '
        "echo \"<testsuite><testcase classname='a' name='trim'>$inner</testcase></testsuite>\" > {report}"
    )
    assert make(project, "HEAD", "--tests", "acceptance/*", "!tests/notes.txt", "--test-command", runner, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["fail_to_pass"] == ["a::trim"]
    assert document["left_out"] == {}
    assert document["tests"] == ["acceptance/test_trim.py", "acceptance/trim.sh"]
    assert "tests/notes.txt" in document["reference"]


def test_a_command_must_say_where_its_report_goes(project, capsys):
    assert make(project, "HEAD~1", "--test-command", "make test") == 2
    assert "{report}" in capsys.readouterr().err


def test_a_large_history_is_left_behind(project, tmp_path):
    async def bundle():
        taken = await open_commit(str(project), "HEAD~1", tmp_path / "taken", network={})
        return await write_bundle(taken, tmp_path / "small.bundle", largest_bytes=1)

    pinned = anyio.run(bundle)
    assert not pinned.has_history
    git(tmp_path, "clone", "-q", "--bare", "small.bundle", "unpacked")
    assert git(tmp_path / "unpacked", "rev-list", "--all") == pinned.commit
    tree = git(project, "rev-parse", "HEAD~2^{tree}")
    assert git(tmp_path / "unpacked", "rev-parse", f"{pinned.commit}^{{tree}}") == tree


def test_a_shallow_clone_gives_what_it_has(project, tmp_path, capsys):
    for depth in ("2", "3"):
        git(tmp_path, "clone", "-q", "--depth", depth, f"file://{project}", f"depth-{depth}")
    assert make(tmp_path / "depth-2", "HEAD~1") == 2
    assert "git fetch --unshallow" in capsys.readouterr().err
    commit(project, "Begin again", more_DOT_txt="")
    assert make(tmp_path / "depth-3", "HEAD~1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["has_history"] is True, "the parent is the first commit"
    shutil.rmtree("made")
    trimmed = TESTS + NEW_TEST + '    def test_trim(self):\n        self.assertEqual(slug(" a "), "a")\n'
    commit(project, "Trim", pkg__slug_DOT_py=SLUG.format(".lower().strip()"), tests__test_slug_DOT_py=trimmed)
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{project}", "late")
    assert make(tmp_path / "late", "HEAD", "--json") == 0
    assert json.loads(capsys.readouterr().out)["has_history"] is False
    _, source = prepared(tmp_path)
    assert (source.folder / "more.txt").exists()


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
def test_javascript_tests_run_with_node(project, capsys):
    tests = 'const test = require("node:test");\ntest("adds", () => require("../add.js").add(1, 2) === 3 || crash());\n'
    commit(project, "Add", add_DOT_js="exports.add = (a, b) => a + b;\n", test__add_DOT_test_DOT_js=tests)
    assert make(project, "HEAD", "--json") == 0
    assert json.loads(capsys.readouterr().out)["fail_to_pass"] == ["test::adds"]


def test_the_template_is_a_case(capsys):
    assert run_command(["new", "case", "mine"]) == 0
    assert run_command(["check", "mine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"] == ["mine"]
