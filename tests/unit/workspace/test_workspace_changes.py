"""The changes are the final files against the pinned commit, whatever the agent did, and nothing of its runs."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from permissions import without_privileges
from repositories import git, make, plain

from scylla.domain.case import Source, SourceKind
from scylla.domain.tier import OverlayFile, Setup
from scylla.errors import MachineError, UsageError
from scylla.workspace.changes import collect_changes
from scylla.workspace.copies import copy
from scylla.workspace.overlay import apply_overlay
from scylla.workspace.prepare import Prepared, prepare
from scylla.workspace.rebuild import rebuild
from scylla.workspace.removal import remove_tree
from scylla.workspace.trees import copy_tree


def make_prepared(root: Path) -> Prepared:
    folder = root / "source"
    folder.mkdir()
    (folder / "keep.txt").write_text("keep\n")
    (folder / "edit.txt").write_text("one\ntwo\nthree\n")
    (folder / "gone.txt").write_text("bye\n")
    (folder / "tool.sh").write_text("#!/bin/sh\n")
    (folder / "folder").mkdir()
    (folder / "folder" / "inner.txt").write_text("inner\n")
    (folder / ".gitignore").write_text("*.tmp\nbuild/\n")
    return anyio.run(prepare, plain(folder), root / "made")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return make_prepared(tmp_path_factory.mktemp("prepared"))


class Bench:
    """A prepared source and an agent's copy of it."""

    def __init__(self, root: Path, prepared: Prepared):
        self.root = root
        self.prepared = prepared
        self.work = root / "work"
        anyio.run(copy, self.prepared, self.work)

    def changes(self, exclude=()):
        async def collect():
            return await collect_changes(self.prepared, self.work, exclude=exclude, scratch=self.root / "scratch")

        found = anyio.run(collect)
        assert not (self.root / "scratch").exists()
        return found

    def applied(self, patch: bytes) -> Path:
        """A fresh copy with the patch."""
        fresh = Path(tempfile.mkdtemp(dir=self.root)) / "fresh"
        anyio.run(copy, self.prepared, fresh)
        if patch:
            subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=fresh, input=patch, check=True)
        return fresh

    def rebuilt(self, patch: bytes) -> Path:
        """The final workspace, made again by ourselves."""
        folder = Path(tempfile.mkdtemp(dir=self.root))
        (folder / "changes.patch").write_bytes(patch)

        async def make_again():
            await rebuild(self.prepared, folder / "changes.patch", folder / "made", scratch=folder / "scratch")

        anyio.run(make_again)
        assert not (folder / "scratch").exists()
        return folder / "made"


@pytest.fixture
def bench(tmp_path, prepared):
    return Bench(tmp_path, prepared)


def files_of(folder: Path) -> dict:
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if ".git" in name.parts or (path.is_dir() and not path.is_symlink()):
            continue
        content = os.readlink(path) if path.is_symlink() else path.read_bytes()
        found[str(name)] = (content, path.is_symlink() or os.access(path, os.X_OK))
    return found


def test_nothing_changed_is_an_empty_patch(bench):
    assert (bench.changes().patch, bench.changes().files, bench.changes().notes) == (b"", (), ())


def test_every_kind_of_change_is_in_the_patch(bench):
    work = bench.work
    (work / "edit.txt").write_text("one\n2\nthree\n")
    (work / "gone.txt").unlink()
    (work / "tool.sh").chmod(0o755)
    (work / "new.txt").write_text("no line end")
    (work / "empty").write_text("")
    (work / "image.bin").write_bytes(bytes(range(256)))
    (work / "link").symlink_to("../outside")
    (work / "with space\nand line.txt").write_text("odd\n")
    Path(os.fsdecode(os.fsencode(work) + b"/caf\xe9.txt")).write_text("latin\n")
    shutil.rmtree(work / "folder")
    (work / "folder").write_text("a file now\n")
    (work / "keep.txt").unlink()
    (work / "keep.txt").mkdir()
    (work / "keep.txt" / "deep.txt").write_text("a folder now\n")
    changes = bench.changes()
    assert files_of(bench.applied(changes.patch)) == files_of(bench.rebuilt(changes.patch)) == files_of(work)
    assert {"edit.txt", "gone.txt", "tool.sh", "new.txt", "empty", "link", "folder"} <= set(changes.files)


@pytest.mark.parametrize("deed", ["commit", "branch", "stage", "reset", "delete", "corrupt"])
def test_what_the_agent_did_with_git_does_not_matter(bench, deed):
    work = bench.work
    (work / "new.txt").write_text("x\n")
    if deed in ("commit", "branch"):
        if deed == "branch":
            git(work, "checkout", "-qb", "mine")
        git(work, "add", ".")
        git(work, "commit", "-qm", "mine")
    elif deed == "stage":
        git(work, "add", ".")
    elif deed == "reset":
        git(work, "update-ref", "-d", "HEAD")
    elif deed == "delete":
        shutil.rmtree(work / ".git")
    else:
        (work / ".git" / "index").write_bytes(b"garbage")
        (work / ".git" / "HEAD").write_text("garbage")
    assert bench.changes().files == ("new.txt",)


def test_rules_the_agent_made_hide_nothing(bench):
    work = bench.work
    (work / ".gitignore").write_text("*\n")
    (work / ".gitattributes").write_text("* binary\n*.py -diff\n")
    (work / ".git" / "info").mkdir(exist_ok=True)
    (work / ".git" / "info" / "exclude").write_text("*\n")
    (work / "hidden.py").write_text("print('here')\n")
    changes = bench.changes()
    assert set(changes.files) == {".gitattributes", ".gitignore", "hidden.py"}
    assert b"+print('here')" in changes.patch


def test_ignored_files_and_caches_are_left_out_but_tracked_ones_never(bench):
    work = bench.work
    for path in ("a.tmp", "build/out.o", "__pycache__/x.pyc", "node_modules/p/i.js", ".venv/bin/python", "b.pyc"):
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text("x")
    assert bench.changes().files == ()


def test_path_behind_a_link_of_the_source_is_compared(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "link").symlink_to("elsewhere")
    prepared = anyio.run(prepare, plain(folder), tmp_path / "made")
    anyio.run(copy, prepared, tmp_path / "work")
    (tmp_path / "work" / "link").unlink()
    (tmp_path / "work" / "link").mkdir()
    (tmp_path / "work" / "link" / "file").write_text("x")

    async def collect():
        return await collect_changes(prepared, tmp_path / "work", exclude=(), scratch=tmp_path / "scratch")

    assert anyio.run(collect).files == ("link", "link/file")


def test_files_of_the_setup_are_left_out(bench):
    setup = Setup(overlay=(OverlayFile(path="CLAUDE.md", content=b"Be brief.\n"),))
    assert apply_overlay(setup, bench.work) == ("CLAUDE.md",)
    assert git(bench.work, "status", "--porcelain") == ""
    (bench.work / "new.txt").write_text("x")
    git(bench.work, "add", "-A")
    assert git(bench.work, "diff", "--cached", "--name-only") == "new.txt"
    assert bench.changes(exclude=("CLAUDE.md",)).files == ("new.txt",)


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", ".git/config", "a/.git/x", "link/x"])
def test_setup_cannot_write_out_of_the_workspace(bench, path):
    (bench.work / "link").symlink_to(bench.root)
    with pytest.raises(UsageError):
        apply_overlay(Setup(overlay=(OverlayFile(path=path, content=b"x"),)), bench.work)


def test_special_files_are_noted_and_never_opened(bench):
    os.mkfifo(bench.work / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(bench.work / "socket"))
        started = time.monotonic()
        changes = bench.changes()
        copy_tree(bench.work, bench.root / "snapshot")
    assert time.monotonic() - started < 20
    assert changes.files == ()
    assert len(changes.notes) == 2
    assert sorted(files_of(bench.root / "snapshot")) == sorted(files_of(bench.prepared.folder))


def test_huge_files_and_odd_names_are_noted(bench):
    with (bench.work / "huge.bin").open("wb") as file:
        file.truncate(60 * 2**20)
    (bench.work / ".GIT").mkdir()
    (bench.work / ".GIT" / "x").write_text("x")
    (bench.work / "fine").write_text("x")
    changes = bench.changes()
    assert changes.files == ("fine",)
    assert "huge.bin" in str(changes.notes)
    assert ".GIT" in str(changes.notes)


def test_nested_repository_shows_its_files(bench):
    inner = bench.work / "nested"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "code.py").write_text("x = 1\n")
    git(inner, "add", ".")
    git(inner, "commit", "-qm", "inner")
    assert bench.changes().files == ("nested/code.py",)


def test_nothing_the_agent_configured_is_run(bench):
    work, marker = bench.work, bench.root / "marker"
    evil = bench.root / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    evil.chmod(0o755)
    settings_of_agent = {
        "core.fsmonitor": evil, "diff.external": evil, "filter.evil.clean": evil, "filter.evil.smudge": evil,
        "diff.evil.textconv": evil, "diff.evil.command": evil, "core.hooksPath": bench.root, "core.editor": evil,
    }  # fmt: skip
    for name, value in settings_of_agent.items():
        git(work, "config", name, str(value))
    (work / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for hook in ("post-checkout", "post-index-change", "pre-commit"):
        shutil.copy(evil, bench.root / hook)
    (work / "edit.txt").write_text("changed\n")
    assert set(bench.changes().files) == {".gitattributes", "edit.txt"}
    copy_tree(work, bench.root / "snapshot")
    assert not marker.exists()
    git(work, "status")
    assert marker.exists(), "the trap works: git in the workspace itself steps into it"


def test_forged_times_hide_nothing(bench):
    path = bench.work / "edit.txt"
    before = path.stat()
    assert bench.changes().files == ()
    path.write_text("one\nTWO\nthree\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert bench.changes().files == ("edit.txt",)


def test_line_ends_that_git_converts_are_no_change(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / ".gitattributes").write_text("*.txt text eol=crlf\n")
    (folder / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    prepared = anyio.run(prepare, plain(folder), tmp_path / "made")
    anyio.run(copy, prepared, tmp_path / "work")

    async def collect():
        return await collect_changes(prepared, tmp_path / "work", exclude=(), scratch=tmp_path / "scratch")

    assert anyio.run(collect).files == ()


@pytest.mark.parametrize(
    "name",
    [
        b"line\nbreak",
        b"ends in cr\r",
        b"\r",
        b'"quoted"',
        b"back\\slash",
        b"caf\xe9",
        b":(glob)x",
        b"-n",
        b" ",
        b"#x",
        b"a\tb",
    ],
)
@pytest.mark.parametrize("is_link", [False, True])
def test_odd_names_reach_the_patch(bench, name, is_link):
    path = os.fsencode(bench.work) + b"/" + name
    if is_link:
        os.symlink(b"odd\ntarget\xff\r", path)
    else:
        with open(path, "wb") as file:
            file.write(b"content\n")
    changes = bench.changes()
    assert len(changes.files) == 1
    assert changes.notes == ()
    assert files_of(bench.applied(changes.patch)) == files_of(bench.work)


def test_name_that_git_takes_for_files_alone_is_noted(bench):
    (bench.work / ".gitmodules").symlink_to("elsewhere")
    (bench.work / "fine").write_text("x")
    changes = bench.changes()
    assert changes.files == ("fine",)
    assert ".gitmodules" in str(changes.notes)


def test_rename_is_a_removal_and_an_addition(bench):
    (bench.work / "edit.txt").rename(bench.work / "renamed.txt")
    changes = bench.changes()
    assert set(changes.files) == {"edit.txt", "renamed.txt"}
    assert files_of(bench.applied(changes.patch)) == files_of(bench.work)


def test_fifo_in_place_of_a_file_is_its_removal_and_a_note(bench):
    (bench.work / "edit.txt").unlink()
    os.mkfifo(bench.work / "edit.txt")
    changes = bench.changes()
    assert changes.files == ("edit.txt",)
    assert "edit.txt" in str(changes.notes)


def test_links_are_never_followed(bench):
    outside = bench.root / "outside"
    outside.mkdir()
    (outside / "inner.txt").write_text("not of the workspace\n")
    shutil.rmtree(bench.work / "folder")
    (bench.work / "folder").symlink_to(outside)
    (bench.work / "edit.txt").unlink()
    (bench.work / "edit.txt").symlink_to(outside / "inner.txt")
    changes = bench.changes()
    assert b"not of the workspace" not in changes.patch
    assert set(changes.files) == {"folder", "folder/inner.txt", "edit.txt"}


def test_large_file_of_the_source_is_no_change_and_a_changed_one_is_noted(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "large.bin").touch()
    os.truncate(folder / "large.bin", 60 * 2**20)
    bench = Bench(tmp_path, make(plain(folder), tmp_path / "made"))
    assert (bench.changes().files, bench.changes().notes) == ((), ())
    os.truncate(bench.work / "large.bin", 70 * 2**20)
    changes = bench.changes()
    assert changes.patch == b"", "the patch must not remove a file that is still there"
    assert "large.bin: left out, 70 MiB" in changes.notes


def test_large_files_of_caches_are_not_even_noted(bench):
    (bench.work / "build").mkdir()
    (bench.work / "build" / "out.bin").touch()
    os.truncate(bench.work / "build" / "out.bin", 100 * 2**20)
    assert bench.changes().notes == ()


def test_what_cannot_be_read_is_noted_and_not_taken_for_removed():
    with without_privileges() as folder:
        bench = Bench(folder, make_prepared(folder))
        (bench.work / "edit.txt").chmod(0)
        (bench.work / "folder").chmod(0)
        (bench.work / "listed").mkdir()
        (bench.work / "listed" / "new.txt").write_text("x")
        (bench.work / "listed").chmod(0o400)
        (bench.work / "new.txt").write_text("x")
        changes = bench.changes()
        assert changes.files == ("new.txt",)
        assert len(changes.notes) == 3
        for name in ("edit.txt", "folder", "listed/new.txt"):
            assert f"{name}: cannot be read" in changes.notes


def test_tree_deeper_than_a_path_can_name_is_noted(bench):
    here = os.open(bench.work, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("d" * 80, dir_fd=here)
        below = os.open("d" * 80, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        os.close(os.open("f" * 60, os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    (bench.work / "fine").write_text("x")
    changes = bench.changes()
    copy_tree(bench.work, bench.root / "snapshot")
    assert "fine" in changes.files
    assert "cannot be read" in str(changes.notes)
    remove_tree(bench.work)


def test_source_with_a_submodule(tmp_path):
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    for folder in (inner, outer):
        folder.mkdir()
        git(folder, "init", "-q")
        (folder / "file.txt").write_text("x\n")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "one")
    commit = git(inner, "rev-parse", "HEAD")
    git(outer, "update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    git(outer, "commit", "-qm", "two")
    source = Source(kind=SourceKind.GIT, location=str(outer), commit=git(outer, "rev-parse", "HEAD"))
    bench = Bench(tmp_path, make(source, tmp_path / "made"))
    assert bench.changes().files == (), "its folder is empty on both sides"
    (bench.work / "module").mkdir(exist_ok=True)
    (bench.work / "module" / "new.txt").write_text("x\n")
    changes = bench.changes()
    assert "module/new.txt" in changes.files
    assert b"+x" in changes.patch


def test_excluded_path_is_the_same_however_it_is_written(bench):
    apply_overlay(Setup(overlay=(OverlayFile(path="./a//b.md", content=b"x"),)), bench.work)
    assert bench.changes(exclude=("./a//b.md",)).files == ()


def test_failing_git_is_an_error_with_a_fix(bench):
    broken = Prepared(folder=bench.prepared.folder, commit="0" * 40)

    async def collect():
        return await collect_changes(broken, bench.work, exclude=(), scratch=bench.root / "scratch")

    with pytest.raises(MachineError) as raised:
        anyio.run(collect)
    assert raised.value.fix
    assert not (bench.root / "scratch").exists()


def test_rebuilt_files_are_the_agents_whatever_attributes_say(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / ".gitattributes").write_text("*.bat text eol=crlf\n*.txt text\n")
    (folder / "a.bat").write_bytes(b"one\r\ntwo\r\n")
    (folder / "b.bat").write_bytes(b"one\r\n")
    bench = Bench(tmp_path, make(plain(folder), tmp_path / "made"))
    (bench.work / "a.bat").write_bytes(b"one\n2\n")
    (bench.work / "b.bat").write_bytes(b"one\r\ntwo\r\n")
    (bench.work / "c.txt").write_bytes(b"x\r\ny\n")
    (bench.work / ".gitattributes").write_text("* filter=evil ident\n")
    (bench.work / "d").write_text("$Id$\n")
    assert files_of(bench.rebuilt(bench.changes().patch)) == files_of(bench.work)


def test_patch_that_does_not_apply_is_an_error_with_a_fix(bench):
    (bench.work / "edit.txt").write_text("changed\n")
    patch = bench.changes().patch
    with pytest.raises(MachineError) as raised:
        bench.rebuilt(patch.replace(b"-one", b"-uno"))
    assert raised.value.fix


names = st.sampled_from(
    [
        "keep.txt",
        "edit.txt",
        "gone.txt",
        "tool.sh",
        "folder/inner.txt",
        "folder",
        "edit.txt/x",
        "new",
        "a b",
        "d/e/f",
        "d",
        "-x",
    ]
)
contents = st.one_of(st.binary(max_size=40), st.text(alphabet="ab\n\r\t é", max_size=40).map(str.encode))
edits = st.lists(
    st.tuples(st.sampled_from(["write", "delete", "link", "mode"]), names, contents), min_size=1, max_size=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=edits)
def test_pinned_commit_and_patch_give_the_final_files(prepared, edits):
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), prepared)
        for deed, path, content in edits:
            make_edit(bench.work / path, deed, content)
        expected = files_of(bench.work)
        patch = bench.changes().patch
        assert files_of(bench.applied(patch)) == expected
        assert files_of(bench.rebuilt(patch)) == expected


def make_edit(target: Path, deed: str, content: bytes) -> None:
    for parent in target.parents:
        if parent.is_symlink() or parent.is_file():
            parent.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if deed == "mode" and target.is_file() and not target.is_symlink():
        target.chmod(target.stat().st_mode ^ 0o111)
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    if deed in ("delete", "link"):
        target.unlink(missing_ok=True)
    if deed == "link":
        os.symlink(b"to/" + content.replace(b"\0", b""), target)
    elif deed == "write" and not target.is_symlink():
        target.write_bytes(content)


def test_worktrees_that_an_agent_made_are_no_part_of_its_work(bench):
    tree = bench.work / ".claude" / "worktrees" / "feature"
    tree.mkdir(parents=True)
    (tree / "copy.txt").write_text("a whole copy of the repository\n")
    (bench.work / ".claude" / "kept.txt").write_text("x\n")
    changes = bench.changes()
    assert changes.files == (".claude/kept.txt",)
    assert any(".claude/worktrees/feature" in note and "worktree" in note for note in changes.notes)
