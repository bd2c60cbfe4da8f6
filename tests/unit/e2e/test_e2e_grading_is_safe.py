"""What an agent leaves behind does not decide its grade; an honest solution gets its points."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
import yaml

from scylla.config.cases import load_cases
from scylla.domain.case import DEFAULT_PROTECT
from scylla.domain.rubric import DEFAULT_GRADE_SCALE, Category, Check, Item, ReportMatch, Rubric, Scoring, TextMatch
from scylla.domain.score import score_run
from scylla.e2e.checking import run_checks
from scylla.workspace.copies import copy
from scylla.workspace.prepare import prepare

CHEATING = Path(__file__).parents[2] / "fixtures" / "cheating"
PLAIN = f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin"
WITH_PYTEST = f"{Path(sys.executable).parent}:{PLAIN}"


class Lab:
    """A prepared case, and workspaces to be graded."""

    def __init__(self, root: Path):
        self.root = root
        (self.case,) = load_cases([CHEATING]).cases
        self.prepared = anyio.run(prepare, self.case.source, root / "source")
        self.work = root / "work"
        anyio.run(copy, self.prepared, self.work)

    def shell(self, script: str) -> None:
        (self.root / "home").mkdir(exist_ok=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.root / "home")}
        process = subprocess.Popen(["/bin/bash", "-c", script], cwd=self.work, env=env, start_new_session=True)
        assert process.wait(30) == 0

    def check(self, case=None, search_path=PLAIN):
        case = case or self.case
        parts = SimpleNamespace(scratch=self.root / "scratch", search_path=search_path)
        out = self.root / "out"

        async def check():
            return await run_checks(case, self.work, pinned=self.prepared.folder, overlay=(), folder=out, parts=parts)

        return anyio.run(check)

    def points(self, command: str, *, search_path=PLAIN, protect=DEFAULT_PROTECT, hidden=None, **check):
        """The points of one check out of 1."""
        item = Item(id="c", text="", points=1.0, scoring=Scoring.BINARY, check=Check(run=command, **check))
        rubric = Rubric(
            categories=(Category(name="all", weight=1.0, items=(item,)),),
            pass_threshold=0.5,
            grade_scale=DEFAULT_GRADE_SCALE,
        )
        case = SimpleNamespace(id="case", rubric=rubric, requires=(), protect=protect, hidden=hidden)
        checked = self.check(case, search_path)
        assert checked.problem == ""
        self.said = (self.root / "out/c/stdout.txt").read_text() + (self.root / "out/c/stderr.txt").read_text()
        return checked.marks[0].points


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def failing(checked):
    return {mark.item_id: mark.reason for mark in checked.marks if not mark.points}


def test_the_cheating_agent_scores_nothing(lab):
    turns = yaml.safe_load((CHEATING / "offline.yaml").read_text())["agent"]["turns"]
    script = turns[0]["tools"][0]["input"]["command"]
    # The runner ends the processes of an agent; here its last deed is left out instead.
    lab.shell("\n".join(line for line in script.splitlines() if "setsid" not in line))
    checked = lab.check()
    assert checked.problem == "", "nothing that an agent does is an error of the environment"
    assert {mark.item_id: mark.points for mark in checked.marks if mark.points} == {}
    assert score_run(lab.case.rubric, checks=checked.marks, verdicts=[]).score == 0.0
    noted = " ".join(checked.notes)
    for name in (
        "conftest.py",
        "sitecustomize.py",
        "usercustomize.py",
        "pytest.ini",
        "tests/test_slug.py",
        "slugs.json",
    ):
        assert name in noted


def test_the_reference_gets_everything(lab):
    shutil.copytree(lab.case.reference, lab.work, dirs_exist_ok=True)
    checked = lab.check()
    assert failing(checked) == {}
    assert score_run(lab.case.rubric, checks=checked.marks, verdicts=[]).score == 1.0
    assert checked.notes == ()


def test_nothing_done_gets_nothing(lab):
    checked = lab.check()
    assert score_run(lab.case.rubric, checks=checked.marks, verdicts=[]).score == 0.0


PYTEST = "python3 -m pytest --junitxml=report.xml acceptance"
PROGRAM = "PYTHONPATH=$PYTHONPATH:. pytest --junitxml=report.xml acceptance"
UNITTEST = "python3 -m unittest -v acceptance.test_accept"
EXIT = "import os; os._exit(0)"
FORGED = '<testsuite><testcase classname="acceptance.test_accept.AcceptTest" name="test_punctuation"/></testsuite>'
MAKE_PASS = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    outcome.get_result().outcome = "passed"
"""
PRINT_OK = "import os, sys; print('test_punctuation ... ok', file=sys.stderr); sys.stderr.flush(); os._exit(0)"
OPTIONS = "addopts = -p evil"

INI = dict.fromkeys(("pytest.ini", "tox.ini"), f"[pytest]\n{OPTIONS}\n")
PLUG_IN = {"e-1.dist-info/entry_points.txt": "[pytest11]\ne = evil\n", "evil.py": MAKE_PASS}
WRITE_REPORT = f"open('report.xml', 'w').write({FORGED!r}); {EXIT}"

ATTACKS = {
    "conftest": ({"conftest.py": MAKE_PASS, "acceptance/conftest.py": MAKE_PASS}, PYTEST),
    "ini": (INI | {"setup.cfg": f"[tool:pytest]\n{OPTIONS}\n", "evil.py": MAKE_PASS}, PYTEST),
    "pyproject": ({"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p evil'", "evil.py": MAKE_PASS}, PYTEST),
    "plug-in": (PLUG_IN, PYTEST),
    "report": ({"report.xml": FORGED, "python3": f"#!/bin/sh\necho '{FORGED}' > report.xml\n"}, PYTEST),
    "shadows": ({f"{name}.py": WRITE_REPORT for name in ("pytest", "argparse", "pluggy", "xml", "difflib")}, PYTEST),
    "shadows of the program": ({"xml/__init__.py": WRITE_REPORT}, PROGRAM),
    "sitecustomize": ({"sitecustomize.py": WRITE_REPORT}, f"PYTHONPATH=. {PYTEST}"),
    "load_tests": ({"acceptance/__init__.py": "def load_tests(*_): raise SystemExit(0)"}, UNITTEST),
    "shadows of unittest": ({f"{name}.py": PRINT_OK for name in ("unittest", "difflib", "json")}, UNITTEST),
}
ASKED = {
    PYTEST: {
        "report": ReportMatch(file="report.xml", fail_to_pass=("acceptance.test_accept.AcceptTest::test_punctuation",))
    },
    UNITTEST: {"exit_code": None, "stderr": TextMatch(pattern=r"test_punctuation .*\.\.\. ok")},
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_planted_decides(lab, attack):
    planted, command = ATTACKS[attack]
    for name, content in planted.items():
        (lab.work / name).parent.mkdir(exist_ok=True)
        (lab.work / name).write_text(content)
        (lab.work / name).chmod(0o755)
    asked = ASKED[UNITTEST if "unittest" in command else PYTEST]
    assert lab.points(command, search_path=f".::{WITH_PYTEST}", hidden=lab.case.hidden, **asked) == 0.0, lab.said
    shutil.copytree(lab.case.reference, lab.work, dirs_exist_ok=True)
    points = lab.points(command, search_path=f".::{WITH_PYTEST}", hidden=lab.case.hidden, **asked)
    assert points == 1.0, f"an honest solution is not punished for it: {lab.said}"


@pytest.mark.parametrize("attack", ["conftest", "ini", "plug-in", "sitecustomize"])
def test_the_protected_files_are_what_holds_these_off(lab, attack):
    """The counter-test: with nothing protected the same files win."""
    planted, command = ATTACKS[attack]
    for name, content in planted.items():
        (lab.work / name).parent.mkdir(exist_ok=True)
        (lab.work / name).write_text(content)
    if attack == "ini":
        command = f"PYTEST_ADDOPTS= {command}"
    assert lab.points(command, search_path=WITH_PYTEST, hidden=lab.case.hidden, protect=(), **ASKED[PYTEST]) == 1.0


def test_compiled_files_do_not_stand_in_for_hidden_tests(lab):
    (lab.work / "acceptance").mkdir()
    (lab.work / "acceptance/test_accept.py").write_text(
        "import unittest\nclass AcceptTest(unittest.TestCase):\n    def test_punctuation(self): pass\n"
    )
    compiling = (
        "import py_compile; py_compile.compile('acceptance/test_accept.py', "
        "invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"
    )
    subprocess.run([sys.executable, "-c", compiling], cwd=lab.work, check=True)
    # The folder exists at the pinned commit, so that what lies in it beside the hidden files stays.
    (lab.prepared.folder / "acceptance").mkdir()
    (lab.prepared.folder / "acceptance" / "README").write_text("")
    for command in (
        UNITTEST,
        'python3 -I -c \'import sys; sys.path.append("."); '
        + ('import unittest; unittest.main("acceptance.test_accept", verbosity=2)\''),
    ):
        assert lab.points(command, hidden=lab.case.hidden, **ASKED[UNITTEST]) == 0.0, lab.said


def test_git_runs_no_command_of_the_agent(lab):
    lab.shell(
        "git config diff.external 'touch DONE; echo x #'; git config core.fsmonitor 'touch DONE; false';"
        "git config filter.evil.clean 'touch DONE; cat'; git config core.hooksPath .git/hooks;"
        "mkdir -p .git/hooks; printf '#!/bin/sh\ntouch DONE\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit;"
        "echo 'slug.py filter=evil' > .git/info/attributes; echo '# changed' >> slug.py"
    )
    git = "git status --porcelain; git diff; git add -A; git -c user.name=a -c user.email=a@b commit -qm x; ls"
    assert lab.points(git, stdout=TextMatch(pattern=r"(?s)M slug.py.*\+# changed")) == 1.0
    assert "DONE" not in lab.said


def test_what_an_agent_committed_is_still_there(lab):
    lab.shell("git config user.name me; echo x > x; git add x; git -c user.email=a@b commit -qm 'Add x'")
    assert lab.points("git log --format=%s", stdout=TextMatch(contains="Add x")) == 1.0


@pytest.mark.parametrize("kind", ["link", "file", "gone"])
def test_a_repository_elsewhere_is_not_asked(lab, kind):
    other = lab.root / "other"
    shutil.copytree(lab.work, other)
    subprocess.run(["git", "config", "core.fsmonitor", "touch DONE"], cwd=other, check=True)
    shutil.rmtree(lab.work / ".git")
    if kind == "link":
        (lab.work / ".git").symlink_to(other / ".git")
    elif kind == "file":
        (lab.work / ".git").write_text(f"gitdir: {other / '.git'}\n")
    assert lab.points("git status; ls", stdout=TextMatch(contains="slug.py")) == 1.0
    assert "not a git repository" in lab.said
    assert "DONE" not in lab.said


def test_the_path_holds_no_folder_of_the_workspace(lab):
    (lab.work / "true").write_text("#!/bin/sh\nexit 9\n")
    (lab.work / "env").write_text("#!/bin/sh\nexit 9\n")
    for name in ("true", "env"):
        (lab.work / name).chmod(0o755)
    assert lab.points("env true", search_path=f".:: bin:{PLAIN}") == 1.0


def test_a_program_of_the_agent_that_kills_its_supervisor_has_failed(lab):
    assert lab.points("kill -9 $PPID; sleep 1", exit_code=None) == 0.0


def test_tests_that_change_unittest_or_leave_early_have_failed(lab):
    asked = {"report": ReportMatch(file="r.xml")}
    run = 'python3 -I "$CHECK_TOOLS/run_unittest.py" r.xml acceptance'
    for cheat in (
        "import unittest; unittest.TestCase.assertEqual = lambda *_: None",
        "import os, atexit; os._exit(0)",
        "raise SystemExit(0)",
        "import sys; sys.exit = lambda *_: None; raise KeyboardInterrupt",
    ):
        (lab.work / "slug.py").write_text(f"{cheat}\ndef slug(title): return title\n")
        assert lab.points(run, hidden=lab.case.hidden, **asked) == 0.0, lab.said
    shutil.copytree(lab.case.reference, lab.work, dirs_exist_ok=True)
    assert lab.points(run, hidden=lab.case.hidden, **asked) == 1.0, lab.said


def test_a_missing_program_is_an_error_of_the_environment_and_names_it(lab):
    items = [
        Item(id=f"c{number}", text="", points=1.0, scoring=Scoring.BINARY, check=check)
        for number, check in enumerate((Check(run="true"), Check(run="true", requires=("no-such-tool",))))
    ]
    for extra, said in (((), "check c1 needs no-such-tool"), (("none-either",), "case case needs none-either")):
        rubric = SimpleNamespace(check_items=tuple(items))
        case = SimpleNamespace(id="case", rubric=rubric, requires=extra, protect=(), hidden=None)
        checked = lab.check(case)
        assert checked.marks == ()
        assert said in checked.problem


@pytest.mark.parametrize(
    ("command", "is_machine"),
    [
        ("no-such-tool --check", True),
        ("A=b C=d no-such-tool", True),
        ("sh -c 'exit 127'", False),
        ("exit 127", False),
        ("./agents-own.sh", False),
        ("agents_own() { return 127; }; agents_own", False),
        ("sh agents-own.sh; exit 127", False),
        ("cd . && no-such-tool", False),
    ],
)
def test_exit_code_127_alone_is_a_failure(lab, command, is_machine):
    (lab.work / "agents-own.sh").write_text("#!/bin/sh\nexit 127\n")
    (lab.work / "agents-own.sh").chmod(0o755)
    item = Item(id="c", text="", points=1.0, scoring=Scoring.BINARY, check=Check(run=command))
    case = SimpleNamespace(id="case", rubric=SimpleNamespace(check_items=(item,)), requires=(), protect=(), hidden=None)
    checked = lab.check(case)
    assert (checked.problem != "") == is_machine, checked
    assert [mark.points for mark in checked.marks] == ([] if is_machine else [0.0])
