"""The set-up's files land in the workspace and nowhere else, and stay out of the agent's commits."""

import pytest
from repositories import git

from scylla.domain.tier import OverlayFile, Setup
from scylla.errors import UsageError
from scylla.workspace.overlay import apply_overlay


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q", "--template=")
    (folder / "tracked.txt").write_text("as it was\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def setup(*paths: str) -> Setup:
    return Setup(overlay=tuple(OverlayFile(path=path, content=b"laid over\n") for path in paths))


@pytest.mark.parametrize(
    "path", ["", ".", "/etc/x", "..", "a/../../x", ".git/config", ".GIT/config", "a/.git/x", "a\nb", "a\rb", "a\0b"]
)
def test_bad_path_is_refused_before_anything_is_written(work, path):
    with pytest.raises(UsageError) as raised:
        apply_overlay(setup("fine.md", path), work)
    assert raised.value.fix
    assert sorted(entry.name for entry in work.iterdir()) == [".git", "tracked.txt"]


@pytest.mark.parametrize("path", ["folder", "tracked.txt/x", "out/x", "out/deep/x"])
def test_path_that_the_workspace_uses_otherwise_is_refused(work, tmp_path, path):
    (work / "folder").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (work / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        apply_overlay(setup(path), work)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_link_at_the_place_of_a_file_is_replaced_and_not_followed(work, tmp_path):
    (tmp_path / "target.md").write_text("mine\n")
    (work / "CLAUDE.md").symlink_to(tmp_path / "target.md")
    apply_overlay(setup("CLAUDE.md"), work)
    assert (tmp_path / "target.md").read_text() == "mine\n"
    assert not (work / "CLAUDE.md").is_symlink()
    assert (work / "CLAUDE.md").read_text() == "laid over\n"


@pytest.mark.parametrize(
    "path", ["CLAUDE.md", ".claude/skills/a b/SKILL.md", "#notes", "!x", "a*[b]?.md", "end ", "a\\b", "./dot//md"]
)
def test_new_file_is_ignored_and_its_neighbours_are_not(work, path):
    (written,) = apply_overlay(setup(path), work)
    assert (work / written).read_text() == "laid over\n"
    (work / "neighbour").write_text("x")
    (work / "aXbY.md").write_text("x")
    git(work, "add", "-A")
    assert git(work, "diff", "--cached", "--name-only").split() == ["aXbY.md", "neighbour"]


def test_no_files_change_nothing(work):
    assert apply_overlay(setup(), work) == ()
    assert not (work / ".git" / "info").exists()
