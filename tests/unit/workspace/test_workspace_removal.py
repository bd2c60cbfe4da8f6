"""Removal is complete, follows nothing, and names what it could not remove."""

import os

import pytest
from permissions import without_privileges

from scylla.errors import MachineError
from scylla.workspace.removal import remove_tree
from scylla.workspace.trees import fingerprint


def deep_tree(top, levels, name="d" * 80):
    """Deeper than any path can name."""
    here = os.open(top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)


def test_tree_deeper_than_a_path_can_name(tmp_path):
    (tmp_path / "top").mkdir()
    deep_tree(tmp_path / "top", 300)
    remove_tree(tmp_path / "top")
    assert list(tmp_path.iterdir()) == []


def test_closed_folders_and_read_only_files_at_every_level():
    with without_privileges() as folder:
        inner = folder / "top"
        for level in range(4):
            inner = inner / str(level)
            inner.mkdir(parents=True)
            (inner / "file").write_text("x")
            (inner / "file").chmod(0)
        while inner != folder:
            inner.chmod(0)
            inner = inner.parent
        remove_tree(folder / "top")
        assert list(folder.iterdir()) == []


def test_links_and_special_files_are_removed_and_never_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (tmp_path / "kept").chmod(0o755)
    top = tmp_path / "top"
    (top / "a").mkdir(parents=True)
    (top / "folder").symlink_to(tmp_path / "kept")
    (top / "a" / "folder").symlink_to(tmp_path / "kept")
    (top / "a" / "file").symlink_to(tmp_path / "kept" / "file")
    (top / "a" / "loop").symlink_to("loop")
    os.mkfifo(top / "a" / "pipe")
    with open(os.fsencode(top) + b"/caf\xe9", "wb"):
        pass
    remove_tree(top)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "file").read_text() == "x"
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o755


def test_what_belongs_to_a_closed_parent_is_named_with_a_fix():
    with without_privileges() as folder:
        (folder / "parent" / "child").mkdir(parents=True)
        (folder / "parent").chmod(0o500)
        with pytest.raises(MachineError, match="child") as raised:
            remove_tree(folder / "parent" / "child")
        assert "rm -rf" in raised.value.fix


def test_fingerprint_copes_with_a_folder_that_was_closed():
    with without_privileges() as folder:
        (folder / "top" / "inner").mkdir(parents=True)
        (folder / "top" / "inner" / "file").write_text("x")
        before = fingerprint(folder / "top")
        (folder / "top" / "inner").chmod(0)
        assert fingerprint(folder / "top") != before
