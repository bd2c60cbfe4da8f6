"""A copy is the agent's own, down to the last object, and says when the disk is full or the place is taken."""

import os

import anyio
import pytest
from repositories import git, plain

from scylla.errors import MachineError
from scylla.workspace.copies import copy
from scylla.workspace.prepare import prepare
from scylla.workspace.trees import copy_tree


@pytest.fixture
def prepared(tmp_path):
    folder = tmp_path / "source"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "deep" / "er" / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("nowhere")
    os.link(folder / "deep" / "er" / "run.sh", folder / "twin.sh")
    return anyio.run(prepare, plain(folder), tmp_path / "made")


def test_whatever_an_agent_does_to_its_copy_reaches_no_other(prepared, tmp_path):
    for name in ("one", "two"):
        anyio.run(copy, prepared, tmp_path / name)
    for folder, _, names in os.walk(tmp_path / "one"):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o600)
                with open(path, "wb") as file:
                    file.write(b"spoiled")
    for untouched in (prepared.folder, tmp_path / "two"):
        assert git(untouched, "fsck", "--full", "--strict") == ""
        assert git(untouched, "status", "--porcelain") == ""
        assert (untouched / "twin.sh").read_text() == "#!/bin/sh\n"


def test_copy_keeps_modes_links_and_identity(prepared, tmp_path):
    anyio.run(copy, prepared, tmp_path / "copy")
    assert os.access(tmp_path / "copy" / "deep" / "er" / "run.sh", os.X_OK)
    assert os.readlink(tmp_path / "copy" / "link") == "nowhere"
    assert git(tmp_path / "copy", "config", "--local", "user.name")
    assert git(tmp_path / "copy", "diff", "--raw", "HEAD") == ""


def test_place_that_cannot_be_written_is_an_error_with_a_fix(prepared, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(MachineError) as raised:
        anyio.run(copy, prepared, tmp_path / "file")
    assert raised.value.fix


def test_holes_of_a_file_take_no_space_in_the_copy(tmp_path):
    (tmp_path / "work").mkdir()
    with (tmp_path / "work" / "sparse").open("wb") as file:
        file.write(b"start")
        file.seek(300 * 2**20)
        file.write(b"middle")
        file.truncate(600 * 2**20)
    copy_tree(tmp_path / "work", tmp_path / "copy")
    copied = tmp_path / "copy" / "sparse"
    assert copied.stat().st_size == 600 * 2**20
    assert copied.stat().st_blocks * 512 < 10 * 2**20
    with copied.open("rb") as file:
        assert file.read(5) == b"start"
        file.seek(300 * 2**20)
        assert file.read(8) == b"middle\0\0"
