"""Sources as people really have them: bare, tagged, with submodules; and what happens beside a killed or other call."""

import os

import anyio
import pytest
from permissions import without_privileges
from repositories import git, make, pinned, plain

from scylla.domain.case import Source, SourceKind
from scylla.errors import UsageError
from scylla.workspace.prepare import prepare


@pytest.mark.parametrize("kind", [SourceKind.FOLDER, SourceKind.GIT])
def test_bare_repository_is_a_source(origin, tmp_path, kind):
    git(tmp_path, "clone", "-q", "--bare", str(origin), "bare")
    prepared = make(Source(kind=kind, location=str(tmp_path / "bare"), commit=pinned(origin)), tmp_path / "made")
    assert git(prepared.folder, "rev-parse", "HEAD") == pinned(origin)


def test_linked_work_tree_is_a_source(origin, tmp_path):
    git(origin, "worktree", "add", "-q", str(tmp_path / "linked"), "side")
    source = Source(kind=SourceKind.FOLDER, location=str(tmp_path / "linked"), commit=pinned(origin))
    assert make(source, tmp_path / "made").commit == pinned(origin)


def test_hash_of_an_annotated_tag_means_its_commit(origin, tmp_path):
    tag = git(origin, "rev-parse", "v1")
    assert tag != pinned(origin)
    prepared = make(Source(kind=SourceKind.GIT, location=str(origin), commit=tag), tmp_path / "made")
    assert prepared.commit == git(prepared.folder, "rev-parse", "HEAD") == pinned(origin)
    everything = git(prepared.folder, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    assert "tag" not in everything.split()
    assert make(Source(kind=SourceKind.GIT, location=str(origin), commit=tag), tmp_path / "made") == prepared


def test_hash_that_is_no_commit_is_refused(origin, tmp_path):
    blob = git(origin, "rev-parse", "HEAD:file.txt")
    with pytest.raises(UsageError, match=blob):
        make(Source(kind=SourceKind.GIT, location=str(origin), commit=blob), tmp_path / "made")


def test_commit_that_a_shallow_clone_lacks_is_refused(origin, tmp_path):
    git(tmp_path, "clone", "-q", "--depth=1", origin.as_uri(), "shallow")
    with pytest.raises(UsageError):
        make(Source(kind=SourceKind.GIT, location=str(tmp_path / "shallow"), commit=pinned(origin)), tmp_path / "made")


def test_folder_with_files_that_cannot_be_read_is_refused():
    with without_privileges() as folder:
        (folder / "source" / "closed").mkdir(parents=True)
        (folder / "source" / "closed").chmod(0)
        with pytest.raises(UsageError, match="closed") as raised:
            make(plain(folder / "source"), folder / "made")
        assert raised.value.fix
        assert not list(folder.glob("made*"))


def test_folder_that_is_gone_is_refused(tmp_path):
    with pytest.raises(UsageError):
        make(plain(tmp_path / "gone"), tmp_path / "made")


def test_special_files_of_a_folder_are_left_out(tmp_path):
    (tmp_path / "source").mkdir()
    os.mkfifo(tmp_path / "source" / "pipe")
    (tmp_path / "source" / "file").write_text("x")
    assert git(make(plain(tmp_path / "source"), tmp_path / "made").folder, "ls-files") == "file"


def test_half_built_leftovers_do_not_count(origin, tmp_path):
    source = Source(kind=SourceKind.GIT, location=str(origin), commit=pinned(origin))
    (tmp_path / "made" / "project").mkdir(parents=True)
    (tmp_path / "made" / "project" / "half").write_text("x")
    (tmp_path / "made.old" / "project").mkdir(parents=True)
    prepared = make(source, tmp_path / "made")
    assert not (prepared.folder / "half").exists()
    assert git(prepared.folder, "status", "--porcelain") == ""


def test_what_one_call_has_given_out_no_other_call_replaces(origin, tmp_path):
    source = Source(kind=SourceKind.GIT, location=str(origin), commit=pinned(origin))
    given_out = []

    async def one():
        prepared = await prepare(source, tmp_path / "made")
        given_out.append((prepared.folder / "file.txt").stat().st_ino)

    async def all_at_once():
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(one)

    anyio.run(all_at_once)
    assert set(given_out) == {(tmp_path / "made" / "project" / "file.txt").stat().st_ino}


@pytest.mark.parametrize("path", [".claude", "sub/.claude"])
def test_link_named_like_the_folder_of_agent_configuration_is_configuration(origin, tmp_path, path):
    (origin / path).parent.mkdir(exist_ok=True)
    (origin / path).symlink_to(".agents")
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "Link")
    source = Source(kind=SourceKind.FOLDER, location=str(origin), commit=git(origin, "rev-parse", "HEAD"))
    assert make(source, tmp_path / "made").configuration == (path,)
