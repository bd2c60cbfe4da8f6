"""A few neutral places, each for one user at a time, always left empty."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scylla.errors import MachineError
from scylla.workspace.removal import remove_tree
from scylla.workspace.slots import Slots


def test_lowest_free_place_is_taken_again_and_again(tmp_path):
    slots = Slots(tmp_path / "a")
    with slots.take() as first, slots.take() as second:
        assert first.workspace != second.workspace
        assert not first.workspace.exists()
        assert (first.home.is_dir(), first.temp.is_dir()) == (True, True)
        assert first.home.stat().st_mode & 0o777 == 0o700
        paths = (first, second)
    with slots.take() as again:
        assert again == paths[0]


def test_place_is_emptied_whatever_was_left_in_it(tmp_path):
    slots = Slots(tmp_path / "a")
    with slots.take() as slot:
        (slot.workspace / "locked").mkdir(parents=True)
        (slot.workspace / "locked" / "file").write_text("x")
        (slot.workspace / "locked" / "file").chmod(0o400)
        (slot.workspace / "locked").chmod(0)
        (slot.home / ".claude").mkdir()
    with slots.take() as slot:
        assert not slot.workspace.exists()
        assert list(slot.home.iterdir()) == []
    assert [path.suffix for path in (tmp_path / "a").iterdir()] == [".lock"]


def test_finished_workspace_moves_to_its_own_name(tmp_path):
    with Slots(tmp_path / "a").take() as slot:
        slot.workspace.mkdir()
        (slot.workspace / "file").write_text("kept")
        slot.retire(tmp_path / "done" / "1")
        assert not slot.workspace.exists()
    assert (tmp_path / "done" / "1" / "file").read_text() == "kept"


def test_place_of_a_killed_program_is_free_at_once_and_emptied(tmp_path):
    program = f"""
import pathlib, time
from scylla.workspace.slots import Slots
with Slots(pathlib.Path({str(tmp_path / "a")!r})).take() as slot:
    slot.workspace.mkdir()
    print(slot.workspace, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as user:
        workspace = Path(user.stdout.readline().strip())
        with Slots(tmp_path / "a").take() as other:
            assert other.workspace != workspace, "two programs never share a place"
        user.kill()
    with Slots(tmp_path / "a").take() as slot:
        assert slot.workspace == workspace
        assert not workspace.exists()


def test_removal_copes_with_modes_depth_and_links(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    top = tmp_path / "top"
    folder = top
    for _ in range(60):
        folder = folder / ("d" * 80)
        try:
            folder.mkdir(parents=True)
        except OSError:
            break
    (top / "link").symlink_to(kept)
    (top / "closed").mkdir()
    (top / "closed").chmod(0)
    remove_tree(top)
    assert not top.exists()
    assert (kept / "file").exists()
    remove_tree(top)
    (tmp_path / "link").symlink_to(kept)
    remove_tree(tmp_path / "link")
    assert (kept / "file").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_what_cannot_be_removed_is_named(tmp_path):
    (tmp_path / "parent" / "child").mkdir(parents=True)
    (tmp_path / "parent").chmod(0o500)
    started = time.monotonic()
    with pytest.raises(MachineError, match="child"):
        remove_tree(tmp_path / "parent" / "child")
    assert time.monotonic() - started < 5
    (tmp_path / "parent").chmod(0o700)
