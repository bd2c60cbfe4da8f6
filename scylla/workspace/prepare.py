"""The pinned source of a case, made once: a repository that knows nothing but its history up to the commit."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread

from scylla.domain.case import Source, SourceKind
from scylla.errors import UsageError
from scylla.workspace.git import IDENTITY, GitError, git, try_git
from scylla.workspace.removal import remove_tree
from scylla.workspace.trees import copy_tree

_READY = "commit"
_CONFIGURATION = frozenset({"CLAUDE.md", "CLAUDE.local.md"})
# Fetching from a local path starts a second git, which does not see our configuration.
SAFE_UPLOAD = "--upload-pack=git -c safe.directory=* upload-pack"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """`folder` is a checkout of `commit` (40 hex digits) on the only branch, `main`.

    `configuration` are the paths of its files that would set up an agent which works in it.
    """

    folder: Path
    commit: str
    configuration: tuple[str, ...] = ()


async def prepare(source: Source, folder: Path, *, network: Mapping[str, str] | None = None) -> Prepared:
    """The source as a repository below `folder`; reused when an earlier call has made it.

    `network` are the variables with which a git URL is reached: the person's home, ssh agent, proxies, certificates.

    There are no remotes, tags, other branches, reflogs or objects beyond the commit's history, and nothing names the
    place it came from. UsageError when the source cannot be read or does not have the commit.
    """
    there = _identity(folder)
    if (made := await _made_earlier(folder)) is not None:
        return made
    building = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    building.mkdir(parents=True)
    try:
        commit = await _build(source, building, network or {})
        (building / _READY).write_text(f"{commit}\n")
        await anyio.to_thread.run_sync(_put_in_place, building, folder, there)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, building)
    return await _described(folder / "project", commit)


async def _described(project: Path, commit: str) -> Prepared:
    files = (os.fsdecode(name) for name in (await git("ls-files", "-z", cwd=project)).split(b"\0") if name)
    return Prepared(folder=project, commit=commit, configuration=tuple(path for path in files if _sets_up_agents(path)))


def _sets_up_agents(path: str) -> bool:
    """True for what the agent CLI reads of a project by itself, in any of its folders."""
    parts = path.split("/")
    # The last part too: a repository may have a link of that name.
    return ".claude" in parts or parts[-1] in _CONFIGURATION or path == ".mcp.json"


async def _made_earlier(folder: Path) -> Prepared | None:
    """What an earlier call has made, unless it is damaged."""
    marker = folder / _READY
    if not marker.is_file():
        return None
    project, commit = folder / "project", marker.read_text().strip()
    head = await try_git("rev-parse", "HEAD", cwd=project)
    return await _described(project, commit) if head.stdout.decode().strip() == commit else None


async def _build(source: Source, building: Path, network: Mapping[str, str]) -> str:
    project = building / "project"
    await git("init", "--quiet", "--template=", "project", cwd=building)
    await git("config", "user.name", IDENTITY[0], cwd=project)
    await git("config", "user.email", IDENTITY[1], cwd=project)
    # Copies keep sizes and times but not inodes; so git need not read every file of a fresh copy again.
    await git("config", "core.checkStat", "minimal", cwd=project)
    await git("config", "core.trustctime", "false", cwd=project)
    try:
        if source.commit is None:
            return await _snapshot_folder(Path(source.location), project)
        await _fetch(source, source.commit, building, network)
        return await _history(building, project)
    except GitError as error:
        raise UsageError(
            without_password(f"the source {source.location} cannot be prepared: {error}"),
            fix="check the source and the hash in test.yaml; try `git clone` on it",
        ) from error


async def _snapshot_folder(origin: Path, project: Path) -> str:
    """One commit of the files as they stand; its id depends on their content alone."""
    copy_files = partial(copy_tree, origin, project, leave_out=frozenset({".git"}))
    unreadable = await anyio.to_thread.run_sync(copy_files)
    if unreadable:
        raise UsageError(
            f"the source {origin} cannot be read in full: {', '.join(unreadable[:5])}",
            fix="make its files readable, or remove those that do not belong to it",
        )
    await git("add", "--all", cwd=project)
    await git("commit", "--quiet", "--allow-empty", "--message", "Initial commit", cwd=project)
    (project / ".git" / "COMMIT_EDITMSG").unlink(missing_ok=True)
    await git("clean", "-ffdxq", cwd=project)
    return await _finish(project)


async def _fetch(source: Source, commit: str, building: Path, network: Mapping[str, str]) -> None:
    """Bring the commit, and whatever comes with it, to a mirror beside the project."""
    await git("init", "--quiet", "--bare", "--template=", "mirror", cwd=building)
    mirror = building / "mirror"
    location = source.location
    if source.kind is SourceKind.FOLDER:
        # A bare repository has no top level and is asked by its own path.
        top = await try_git("rev-parse", "--show-toplevel", cwd=Path(location))
        location = top.stdout.decode().rstrip("\n") or location
    is_local = source.kind is not SourceKind.GIT or location.startswith(("/", "file:"))
    fetch = ("fetch", "--quiet", *((SAFE_UPLOAD,) if is_local else ()))
    # Not to a branch: git refuses a tag there, and newer versions then leave a lock behind.
    asked = await try_git(*fetch, "--no-tags", location, f"{commit}:refs/source/asked", cwd=mirror, env=network)
    if asked.exit_code != 0:
        # Not every server gives out a commit by its hash: take all branches and tags and look for it.
        await git(*fetch, location, "+refs/*:refs/source/*", cwd=mirror, env=network)
    # The hash of an annotated tag means the commit that it names.
    meant = await try_git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", cwd=mirror)
    if meant.exit_code != 0:
        raise GitError(f"there is no commit {commit} in it")
    await git("update-ref", "refs/heads/main", meant.stdout.decode().strip(), cwd=mirror)


async def _history(building: Path, project: Path) -> str:
    """Take nothing but the commit's own history from the mirror."""
    mirror = building / "mirror"
    await git("fetch", "--quiet", "--no-tags", str(mirror), "refs/heads/main:refs/heads/fetched", cwd=project)
    await git("update-ref", "refs/heads/main", "refs/heads/fetched", cwd=project)
    await git("update-ref", "-d", "refs/heads/fetched", cwd=project)
    await git("reset", "--quiet", "--hard", "main", cwd=project)
    await anyio.to_thread.run_sync(remove_tree, mirror)
    return await _finish(project)


def without_password(text: str) -> str:
    """The text, with no login in any URL."""
    return re.sub(r"(://)[^/@\s]+@", r"\1", text)


async def _finish(project: Path) -> str:
    """Drop every trace of how it was made, pack it, and leave the index fresh."""
    inner = project / ".git"
    for name in ("FETCH_HEAD", "ORIG_HEAD"):
        (inner / name).unlink(missing_ok=True)
    await anyio.to_thread.run_sync(remove_tree, inner / "logs")
    await git("repack", "-a", "-d", "--quiet", cwd=project)
    await git("prune", "--expire=now", cwd=project)
    await git("update-index", "--refresh", "-q", cwd=project)
    return (await git("rev-parse", "HEAD", cwd=project)).decode().strip()


def _identity(folder: Path) -> tuple[int, int] | None:
    """Tells whether it is still the same folder; None when there is none."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _put_in_place(building: Path, folder: Path, damaged: tuple[int, int] | None) -> None:
    """Rename into place, over the damaged one. What another call has put there may be in use already, so it stays."""
    if damaged is not None and _identity(folder) == damaged:
        set_aside = building.with_name(f"{building.name}.old")
        folder.rename(set_aside)
        remove_tree(set_aside)
    try:
        building.rename(folder)
    except OSError:
        if not (folder / _READY).is_file():
            raise
