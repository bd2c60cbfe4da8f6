"""A prepared source knows its history up to the pinned commit, and nothing else; its copies are private."""

import os
import shutil
from pathlib import Path

import anyio
import pytest
from repositories import SECRET, git, make, pinned, plain

from scylla.domain.case import Source, SourceKind
from scylla.errors import UsageError
from scylla.workspace.copies import copy
from scylla.workspace.prepare import prepare


@pytest.fixture(params=["folder", "path", "file-url", "bundle"])
def source(request, origin, tmp_path):
    commit = pinned(origin)
    if request.param == "bundle":
        bundle = tmp_path / "the-origin.bundle"
        git(origin, "bundle", "create", "-q", str(bundle), "--all")
        return Source(kind=SourceKind.BUNDLE, location=str(bundle), commit=commit)
    if request.param == "folder":
        return Source(kind=SourceKind.FOLDER, location=str(origin), commit=commit)
    location = str(origin) if request.param == "path" else origin.as_uri()
    return Source(kind=SourceKind.GIT, location=location, commit=commit)


def test_only_the_history_of_the_pinned_commit_is_there(source, origin, tmp_path):
    prepared = make(source, tmp_path / "made")
    repository = prepared.folder
    assert prepared.commit == git(repository, "rev-parse", "HEAD") == source.commit
    assert git(repository, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(repository, "rev-list", "--count", "--all") == "2"
    assert git(repository, "remote") == ""
    reachable = {line.split()[0] for line in git(repository, "rev-list", "--objects", "--all").splitlines()}
    everything = git(repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    assert set(everything) == reachable
    assert git(repository, "status", "--porcelain") == ""
    assert (repository / "file.txt").read_text() == "two\n"
    inner = repository / ".git"
    for name in ("FETCH_HEAD", "ORIG_HEAD", "logs", "hooks", "packed-refs.lock", "objects/info/alternates"):
        assert not (inner / name).exists(), name
    for path in filter(Path.is_file, inner.rglob("*")):
        content = path.read_bytes()
        assert b"the-origin" not in content, path
        assert SECRET.encode() not in content, path
    assert git(repository, "config", "--local", "user.email")


def test_commit_on_a_side_branch_alone_is_found(origin, tmp_path):
    git(origin, "checkout", "-q", "side")
    (origin / "side.txt").write_text("x")
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "side")
    commit = git(origin, "rev-parse", "HEAD")
    git(origin, "checkout", "-q", "main")
    prepared = make(Source(kind=SourceKind.GIT, location=str(origin), commit=commit), tmp_path / "made")
    assert (prepared.folder / "side.txt").exists()


@pytest.mark.parametrize("broken", ["hash", "no-repository", "bundle", "gone"])
def test_source_that_cannot_be_read_is_one_error(origin, tmp_path, broken):
    (tmp_path / "noise").write_bytes(b"noise")
    (tmp_path / "empty").mkdir()
    sources = {
        "hash": Source(kind=SourceKind.GIT, location=str(origin), commit="0" * 40),
        "no-repository": Source(kind=SourceKind.FOLDER, location=str(tmp_path / "empty"), commit="1" * 40),
        "bundle": Source(kind=SourceKind.BUNDLE, location=str(tmp_path / "noise"), commit="1" * 40),
        "gone": Source(kind=SourceKind.GIT, location=str(tmp_path / "gone"), commit="1" * 40),
    }
    with pytest.raises(UsageError) as raised:
        make(sources[broken], tmp_path / "made")
    assert sources[broken].location in raised.value.message
    assert raised.value.fix
    assert not list(tmp_path.glob("made*")), "nothing half-built is left"


def test_plain_folder_gives_the_same_commit_wherever_it_lies(tmp_path):
    commits = set()
    for number, mode in enumerate(("a", "b")):
        folder = tmp_path / mode
        (folder / "inner").mkdir(parents=True)
        (folder / "run.sh").write_text("#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)
        (folder / "link").symlink_to("run.sh")
        (folder / ".gitignore").write_text("ignored\n")
        (folder / "ignored").write_text("x")
        (folder / "inner" / "text").write_text("x" * number if False else "same")
        (folder / "inner" / ".git").mkdir()
        (folder / "inner" / ".git" / "config").write_text("nested")
        prepared = make(plain(folder), tmp_path / f"made-{mode}")
        commits.add(prepared.commit)
    names = git(prepared.folder, "ls-files").split()
    assert len(commits) == 1
    assert names == [".gitignore", "inner/text", "link", "run.sh"]
    assert os.access(prepared.folder / "run.sh", os.X_OK)
    assert (prepared.folder / "link").is_symlink()
    assert not (prepared.folder / "ignored").exists()


def test_ignore_rules_of_the_person_do_not_count(tmp_path, monkeypatch):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "kept.log").write_text("x")
    (tmp_path / "ignore").write_text("*.log\n")
    (tmp_path / "config").write_text(f"[core]\nexcludesFile = {tmp_path / 'ignore'}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    assert git(make(plain(folder), tmp_path / "made").folder, "ls-files") == "kept.log"


def test_prepared_source_is_reused_and_a_damaged_one_is_made_again(origin, tmp_path):
    source = Source(kind=SourceKind.GIT, location=str(origin), commit=pinned(origin))
    first = make(source, tmp_path / "made")
    inode = (first.folder / "file.txt").stat().st_ino
    assert make(source, tmp_path / "made") == first
    assert (first.folder / "file.txt").stat().st_ino == inode
    shutil.rmtree(first.folder / ".git")
    assert make(source, tmp_path / "made") == first
    assert git(first.folder, "rev-parse", "HEAD") == first.commit


def test_two_at_once_are_fine(origin, tmp_path):
    source = Source(kind=SourceKind.GIT, location=str(origin), commit=pinned(origin))

    async def both():
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(prepare, source, tmp_path / "made")

    anyio.run(both)
    assert [path.name for path in tmp_path.glob("made*")] == ["made"]


def test_copy_is_clean_private_and_can_be_committed_to(origin, tmp_path):
    prepared = make(Source(kind=SourceKind.GIT, location=str(origin), commit=pinned(origin)), tmp_path / "made")
    anyio.run(copy, prepared, tmp_path / "copy")
    mine = {path.stat().st_ino for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    theirs = {path.stat().st_ino for path in prepared.folder.rglob("*") if path.is_file()}
    assert not mine & theirs, "an agent may rewrite its objects"
    assert git(tmp_path / "copy", "status", "--porcelain") == ""
    (tmp_path / "copy" / "new").write_text("x")
    git(tmp_path / "copy", "add", ".")
    git(tmp_path / "copy", "commit", "-qm", "mine")
    assert git(prepared.folder, "rev-list", "--count", "HEAD") == "2"
