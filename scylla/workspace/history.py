"""One commit of somebody's repository, taken apart: what it changed, and the history before it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from scylla.errors import UsageError
from scylla.workspace.git import GitError, git, try_git
from scylla.workspace.prepare import SAFE_UPLOAD, without_password

LARGEST_HISTORY_BYTES = 32 * 2**20
"""A bundle that would be larger holds the parent's files as one commit, without what led to them."""

_REF = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._/@{}^~+-]*")
_HASH = re.compile(r"[0-9a-f]{40}")
_FILE_MODES = frozenset({"100644", "100755"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One path that a commit changed. `mode` and `blob` are those after it; `mode` is 000000 when it was deleted."""

    path: str
    mode: str
    blob: str
    is_new: bool

    @property
    def is_file(self) -> bool:
        """True for a regular file that is there after the commit."""
        return self.mode in _FILE_MODES

    @property
    def is_gone(self) -> bool:
        """True for a path that the commit has deleted."""
        return self.mode == "000000"


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit with one parent. `repository` is a bare copy that knows nothing after it, and has no hooks or filters.

    `files_before` and `files_after` are the paths of the parent and of the commit.
    """

    repository: Path
    hash: str
    parent: str
    message: str
    changes: tuple[Change, ...]
    files_before: frozenset[str]
    files_after: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinned:
    """What a bundle holds: its commit, and whether the history that led to it is there."""

    commit: str
    has_history: bool


async def open_commit(repo: str, ref: str, folder: Path, *, network: Mapping[str, str]) -> Commit:
    """The commit that `ref` means in a repository (a path, a bundle or a git URL), copied to `folder`.

    Nothing is checked out and no configuration, hook or filter of the repository is used. UsageError when the
    repository cannot be read, has no such commit, or the commit has not exactly one parent.
    """
    if not _REF.fullmatch(ref):
        raise UsageError(f"{ref!r} names no commit", fix="give a hash, a branch, a tag or something like HEAD~2")
    try:
        commit = await _take(repo, ref, folder, network)
        return await _describe(folder, commit, await _only_parent(folder, commit))
    except GitError as error:
        raise UsageError(
            without_password(f"the commit {ref} of {repo} cannot be read: {error}"),
            fix="check the repository and the commit, for example with `git log -1`",
        ) from error


async def write_bundle(commit: Commit, file: Path, *, largest_bytes: int = LARGEST_HISTORY_BYTES) -> Pinned:
    """A git bundle of the parent: its history, or its files alone where that is large or incomplete.

    Nothing later is in it.
    """
    whole = await try_git("rev-list", "--objects", "--quiet", commit.parent, cwd=commit.repository)
    if whole.exit_code == 0:  # a shallow clone lacks a part of it
        await _bundle(commit.parent, file, commit.repository)
        if (await anyio.Path(file).stat()).st_size <= largest_bytes:
            return Pinned(commit=commit.parent, has_history=True)
        await anyio.Path(file).unlink()
    made = await git("commit-tree", "-m", "Initial commit", f"{commit.parent}^{{tree}}", cwd=commit.repository)
    alone = made.decode().strip()
    await _bundle(alone, file, commit.repository)
    return Pinned(commit=alone, has_history=False)


async def _bundle(commit: str, file: Path, repository: Path) -> None:
    await git("update-ref", "refs/heads/main", commit, cwd=repository)
    await git("bundle", "create", "--quiet", str(file), "refs/heads/main", cwd=repository)


async def write_patch(commit: Commit, paths: Collection[str], file: Path) -> None:
    """A patch (`git apply`) that changes these paths of the parent to what the commit made of them."""
    env = {"GIT_INDEX_FILE": str(commit.repository / "solution-index")}
    await git("read-tree", commit.parent, cwd=commit.repository, env=env)
    # What is gone makes room first: a folder may stand where a file stood.
    changes = sorted((change for change in commit.changes if change.path in paths), key=lambda one: not one.is_gone)
    lines = [f"{change.mode} {change.blob}\t{change.path}\0" for change in changes]
    listed = "".join(lines).encode(errors="surrogateescape")
    await git("update-index", "-z", "--index-info", cwd=commit.repository, env=env, stdin=listed)
    tree = (await git("write-tree", cwd=commit.repository, env=env)).decode().strip()
    shape = ("-r", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")
    await git("diff-tree", *shape, f"{commit.parent}^{{tree}}", tree, cwd=commit.repository, stdout=file)


async def write_files(commit: Commit, paths: Collection[str], folder: Path) -> None:
    """The files of the commit at these paths, byte for byte, below a folder that holds nothing else."""
    for change in commit.changes:
        if change.path not in paths or not change.is_file:
            continue
        target = folder / change.path
        await anyio.Path(target.parent).mkdir(parents=True, exist_ok=True)
        await git("cat-file", "blob", change.blob, cwd=commit.repository, stdout=target)
        await anyio.Path(target).chmod(0o755 if change.mode == "100755" else 0o644)


async def read_file(commit: Commit, path: str) -> str:
    """The text of a file as the commit has it; empty when there is none."""
    done = await try_git("cat-file", "blob", f"{commit.hash}:{path}", cwd=commit.repository)
    return done.stdout.decode(errors="replace") if done.exit_code == 0 else ""


async def _take(repo: str, ref: str, folder: Path, network: Mapping[str, str]) -> str:
    """Bring the commit into a new bare repository at `folder`; its hash."""
    env = {**network, "GIT_NO_LAZY_FETCH": "1"}
    local = anyio.Path(repo)
    if not await local.is_dir():
        await git("clone", "--quiet", "--bare", "--template=", "--", repo, str(folder), cwd=folder.parent, env=env)
        if _HASH.fullmatch(ref) and (await _resolve(ref, folder)) is None:
            await git("fetch", "--quiet", "--no-tags", repo, ref, cwd=folder, env=env)
        return _known(await _resolve(ref, folder), ref)
    there = Path(await local.resolve())
    top = await try_git("rev-parse", "--show-toplevel", cwd=there)  # a bare repository has none
    commit = _known(await _resolve(ref, there), ref)
    await git("init", "--quiet", "--bare", "--template=", str(folder), cwd=folder.parent)
    location = top.stdout.decode().rstrip("\n") or str(there)
    await git("fetch", "--quiet", SAFE_UPLOAD, "--no-tags", location, f"{commit}:refs/heads/taken", cwd=folder, env=env)
    return commit


async def _resolve(ref: str, repository: Path) -> str | None:
    env = {"GIT_NO_LAZY_FETCH": "1"}
    for name in (ref, f"refs/remotes/origin/{ref}"):
        found = await try_git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", cwd=repository, env=env)
        if found.exit_code == 0:
            return found.stdout.decode().strip()
    return None


def _known(commit: str | None, ref: str) -> str:
    if commit is None:
        raise GitError(f"there is no commit {ref} in it")
    return commit


async def _only_parent(repository: Path, commit: str) -> str:
    head, _, _ = (await git("cat-file", "commit", commit, cwd=repository)).partition(b"\n\n")
    parents = [line[7:].decode() for line in head.split(b"\n") if line.startswith(b"parent ")]
    if len(parents) > 1:
        raise UsageError(
            f"the commit {commit[:12]} is a merge: it has {len(parents)} parents and no change of its own",
            fix=f"choose a commit that it brought in: git log {commit[:12]}^1..{commit[:12]}^2",
        )
    if not parents:
        raise UsageError(
            f"the commit {commit[:12]} has no parent, so that there is nothing to begin from",
            fix="choose a later commit",
        )
    if (await try_git("cat-file", "-e", f"{parents[0]}^{{tree}}", cwd=repository)).exit_code != 0:
        raise UsageError(
            f"the parent of the commit {commit[:12]} is not in the repository, which is a shallow clone",
            fix="fetch the history first: git fetch --unshallow",
        )
    return parents[0]


async def _describe(repository: Path, commit: str, parent: str) -> Commit:
    listed = await git("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", parent, commit, cwd=repository)
    words = listed.decode(errors="surrogateescape").split("\0")[:-1]
    message = await git("log", "--max-count=1", "--format=%B", "--encoding=UTF-8", commit, cwd=repository)
    return Commit(
        repository=repository,
        hash=commit,
        parent=parent,
        message=message.decode(errors="replace"),
        changes=tuple(_change(head, path) for head, path in zip(words[::2], words[1::2])),  # noqa: B905
        files_before=await _paths(repository, parent),
        files_after=await _paths(repository, commit),
    )


def _change(head: str, path: str) -> Change:
    """One entry of `git diff-tree --raw -z`: `:mode mode blob blob status` and a path."""
    if not path.isprintable():
        raise UsageError(f"the commit changes {path!r}, which a case cannot name", fix="choose another commit")
    if any(part.lower() in {"", ".", "..", ".git"} for part in path.split("/")):
        raise UsageError(f"the commit changes {path!r}, which no honest repository holds", fix="choose another commit")
    mode_before, mode, _, blob, _ = head.removeprefix(":").split(" ")
    return Change(path=path, mode=mode, blob=blob, is_new=mode_before == "000000")


async def _paths(repository: Path, commit: str) -> frozenset[str]:
    listed = await git("ls-tree", "-r", "-z", "--name-only", commit, cwd=repository)
    return frozenset(path for path in listed.decode(errors="surrogateescape").split("\0") if path)
