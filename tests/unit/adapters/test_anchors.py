"""`oracle` lays the reference and nothing else, `nop` nothing at all; both end like any agent that is done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_claude_code import ENDED, FAILED, STOPPED, request

from scylla.adapters.anchors import NOP, ORACLE, read_result
from scylla.adapters.cli import InstalledCli
from scylla.adapters.registry import ADAPTERS, judge_beside
from scylla.domain.outcome import Outcome

INTERPRETER = InstalledCli(binary=Path(sys.executable), version="1", flags=frozenset())

PATCH = """\
--- a/old.txt
+++ b/old.txt
@@ -1 +1 @@
-{before}
+after
"""


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "old.txt").write_text("before\n")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def start(adapter, workspace, reference=None):
    command = adapter.command(
        request(cli=INTERPRETER, workspace=workspace, reference=reference, search_path=os.environ["PATH"])
    )
    done = subprocess.run(command.argv, cwd=command.cwd, env=command.env, capture_output=True, check=False, text=True)
    ended = ENDED if done.returncode == 0 else FAILED
    return command, read_result(ended, done.stdout.encode().splitlines(), done.stderr, None)


def files_in(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_nop_changes_nothing_and_is_told_of_no_reference(tmp_path, workspace):
    _, result = start(NOP, workspace)
    assert files_in(workspace) == {"old.txt": "before\n"}
    assert (result.outcome, result.detail) == (Outcome.FINISHED, "")
    assert (result.report.cost_usd, result.report.result_text) == (0.0, "Done.")
    assert not NOP.reads_reference


def test_a_folder_is_laid_over_and_no_link_is_followed(tmp_path, workspace):
    reference = tmp_path / "reference"
    for path, text in {
        "old.txt": "after",
        "a/b/new.sh": "new",
        "link/x": "x",
        "a/__pycache__/m.pyc": "compiled",
    }.items():
        (reference / path).parent.mkdir(parents=True, exist_ok=True)
        (reference / path).write_text(text)
    (reference / "a/b/new.sh").chmod(0o755)
    (tmp_path / "outside").mkdir()
    (workspace / "link").symlink_to(tmp_path / "outside")
    (workspace / "a").mkdir()
    (workspace / "a" / "b").write_text("a file where a folder is needed")
    _, result = start(ORACLE, workspace, reference)
    assert result.outcome is Outcome.FINISHED
    assert files_in(workspace) == {"old.txt": "after", "a/b/new.sh": "new", "link/x": "x"}
    assert os.access(workspace / "a/b/new.sh", os.X_OK)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_patch_is_applied(tmp_path, workspace):
    patch = tmp_path / "reference.patch"
    patch.write_text(PATCH.format(before="before"))
    _, result = start(ORACLE, workspace, patch)
    assert result.outcome is Outcome.FINISHED
    assert files_in(workspace) == {"old.txt": "after\n"}


def test_a_patch_that_does_not_apply_says_why_and_changes_nothing(tmp_path, workspace):
    patch = tmp_path / "reference.patch"
    patch.write_text(PATCH.format(before="something else"))
    _, result = start(ORACLE, workspace, patch)
    assert result.outcome is Outcome.CRASHED
    assert "cannot be laid over the workspace" in result.detail
    assert "old.txt" in result.detail
    assert files_in(workspace) == {"old.txt": "before\n"}


def test_nothing_of_the_person_reaches_them(tmp_path, workspace):
    command, _ = start(NOP, workspace)
    assert command.env.keys() == {
        "PATH", "HOME", "TMPDIR", "LANG", "TZ", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL"
    }  # fmt: skip


def test_a_time_limit_is_no_crash():
    assert read_result(STOPPED, [], "", None).outcome is Outcome.TIMED_OUT


def test_what_asks_no_model_judges_nothing():
    for adapter in ADAPTERS.values():
        assert judge_beside(adapter).program is not None
        assert adapter.reads_reference is (adapter.name == "oracle"), "nobody else is told where the solution is"
