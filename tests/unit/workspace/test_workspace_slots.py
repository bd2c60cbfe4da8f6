"""A few neutral places, each for one user at a time, always left empty."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from permissions import without_privileges

from scylla.errors import MachineError
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


def test_threads_of_one_program_never_share_a_place(tmp_path):
    slots = Slots(tmp_path / "a")
    seen, together = [], Barrier(4)

    def use():
        with slots.take() as slot:
            seen.append(slot.workspace)
            together.wait(timeout=20)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(use) for _ in range(4)]:
            done.result(timeout=30)
    assert sorted(path.parent.name for path in seen) == ["0", "1", "2", "3"]


def test_lock_does_not_reach_the_processes_of_its_user(tmp_path):
    """An agent's child that outlives it must not keep the place."""
    slots = Slots(tmp_path / "a")
    with slots.take() as slot:
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with slots.take() as again:
            assert again == slot
    finally:
        child.kill()
        child.wait()


def test_place_that_an_agent_closed_is_emptied_and_its_workspace_kept():
    with without_privileges() as folder:
        slots = Slots(folder / "a")
        with slots.take() as slot:
            slot.workspace.mkdir()
            (slot.workspace / "file").write_text("kept")
            (slot.home / "closed").mkdir()
            (slot.home / "closed" / "file").touch(0o400)
            for closed in (slot.home / "closed", slot.home, slot.workspace):
                closed.chmod(0)
            slot.retire(folder / "done" / "1")
        assert (folder / "done" / "1" / "file").read_text() == "kept"
        with slots.take() as slot:
            assert list(slot.home.iterdir()) == []
        assert [path.name for path in (folder / "a").iterdir()] == ["0.lock"]


@pytest.mark.parametrize("deed", ["removed", "file", "link", "all removed"])
def test_workspace_that_the_agent_removed_or_replaced_is_empty(tmp_path, deed):
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o755)
    (secret / "file").write_text("not of the workspace")
    with Slots(tmp_path / "a").take() as slot:
        if deed == "file":
            slot.workspace.write_text("x")
        elif deed == "link":
            slot.workspace.symlink_to(secret)
        elif deed == "all removed":
            shutil.rmtree(slot.workspace.parent)
        slot.retire(tmp_path / "done" / "1")
    assert not (tmp_path / "done" / "1").is_symlink()
    assert list((tmp_path / "done" / "1").iterdir()) == []
    assert (secret / "file").exists()


def test_what_a_killed_removal_left_is_removed_by_the_next_user(tmp_path):
    (tmp_path / "a" / "0.left-abc" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "00").mkdir()
    with Slots(tmp_path / "a").take():
        assert not (tmp_path / "a" / "0.left-abc").exists()
    assert (tmp_path / "a" / "00").exists()


def test_taken_destination_is_an_error_with_a_fix(tmp_path):
    (tmp_path / "done" / "full").mkdir(parents=True)
    with Slots(tmp_path / "a").take() as slot:
        slot.workspace.mkdir()
        with pytest.raises(MachineError) as raised:
            slot.retire(tmp_path / "done")
    assert raised.value.fix
