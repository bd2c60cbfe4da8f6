"""What an agent changed: its final files against the pinned commit, whatever it did with git."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import anyio.to_thread

from scylla.errors import MachineError
from scylla.workspace.borrowed import init_borrowed
from scylla.workspace.git import GitError, git, try_git
from scylla.workspace.prepare import Prepared
from scylla.workspace.removal import remove_tree
from scylla.workspace.trees import walk

LARGEST_FILE_BYTES = 50 * 2**20

_PART_BYTES = 2**20

_WORKTREES = b".claude/worktrees"
_CACHES = frozenset(
    {
        "__pycache__", "node_modules", ".venv", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis", ".tox",
        ".cache", ".npm", ".eggs",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """`patch` applies to the pinned commit with `git apply`; `notes` say what it does not show, and why."""

    patch: bytes
    files: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(kw_only=True)
class _Found:
    """The entries of a working tree, as raw paths: files with their modes, links with their targets.

    `unknown` are files and folders whose content is not compared; for the patch they are as they were.
    """

    files: dict[bytes, str] = field(default_factory=dict)
    links: dict[bytes, bytes] = field(default_factory=dict)
    large: dict[bytes, int] = field(default_factory=dict)
    unknown: set[bytes] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def is_unknown(self, path: bytes) -> bool:
        """True for what is unknown itself, and for what lies in an unknown folder."""
        return bool(self.unknown) and any(os.fsencode(part) in self.unknown for part in _with_parents(path))


async def collect_changes(prepared: Prepared, workspace: Path, *, exclude: Collection[str], scratch: Path) -> Changes:
    """Compare the files of `workspace` with the pinned commit, leaving out the paths in `exclude`.

    The workspace's own repository is never asked, since its configuration could run commands; the comparison is made
    in `scratch`, which is removed at the end. Ignore rules count as they were at the pinned commit, beside a list of
    well-known caches; files the commit has are always compared. MachineError when git fails.
    """
    try:
        # An agent's .gitattributes could turn its text into "binary files differ".
        await init_borrowed(prepared, scratch, attributes="* !diff")
        tracked, modules = await _tracked(prepared)
        found = await anyio.to_thread.run_sync(_walk, workspace)
        skipped = {os.fsencode(PurePosixPath(path)) for path in exclude}
        new = [path for path in (*found.files, *found.links) if path not in tracked]
        skipped |= await _ignored(prepared, new, modules)
        skipped |= await anyio.to_thread.run_sync(_untouched, found, tracked, workspace, prepared.folder)
        _leave_out_large(found, skipped)
        await _stage(found, skipped, tracked, workspace, scratch)
        output = scratch / "patch"
        diff = ("diff", "--cached", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", prepared.commit)
        await git(*diff, "--binary", "--full-index", cwd=scratch, stdout=output)
        names = await git(*diff, "--name-only", "-z", cwd=scratch)
        return Changes(
            patch=output.read_bytes(),
            files=tuple(os.fsdecode(name).encode(errors="replace").decode() for name in _split(names)),
            notes=tuple(found.notes),
        )
    except GitError as error:
        raise MachineError(
            f"the changes in {workspace} cannot be collected: {error}", fix="check the space of the disk and try again"
        ) from error
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, scratch)


async def _tracked(prepared: Prepared) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """The paths of the commit's files and links, and those of its submodules, which are empty folders here."""
    entries = _split(await git("ls-tree", "-r", "-z", prepared.commit, cwd=prepared.folder))
    modules = frozenset(entry.split(b"\t", 1)[1] for entry in entries if entry.startswith(b"160000 "))
    return frozenset(entry.split(b"\t", 1)[1] for entry in entries) - modules, modules


def _untouched(found: _Found, tracked: frozenset[bytes], workspace: Path, pinned: Path) -> set[bytes]:
    """Files that are byte for byte as they were checked out; nothing has to be hashed or converted for them."""
    same = set()
    for path in tracked & found.files.keys():
        mine, theirs = (Path(os.fsdecode(os.fsencode(root) + b"/" + path)) for root in (workspace, pinned))
        if theirs.is_symlink() or not theirs.is_file() or _mode(theirs.stat()) != found.files[path]:
            continue
        if _has_same_content(mine, theirs):
            same.add(path)
    return same


def _has_same_content(mine: Path, theirs: Path) -> bool:
    # filecmp remembers its answers by size and time, both of which an agent can forge.
    if mine.stat().st_size != theirs.stat().st_size:
        return False
    with mine.open("rb") as left, theirs.open("rb") as right:
        while part := left.read(_PART_BYTES):
            if part != right.read(_PART_BYTES):
                return False
    return True


def _leave_out_large(found: _Found, skipped: set[bytes]) -> None:
    for path, size_bytes in found.large.items():
        if path not in skipped:
            found.notes.append(f"{_shown(path)}: left out, {size_bytes / 2**20:.0f} MiB")
            found.unknown.add(path)
            skipped.add(path)


async def _ignored(prepared: Prepared, paths: Sequence[bytes], modules: frozenset[bytes]) -> set[bytes]:
    """Those of the paths that are caches, or ignored by the rules of the pinned commit.

    Asked in the prepared repository, where the rules are those of the commit.
    """
    caches = {path for path in paths if _is_cache(path)}
    asked = [path for path in paths if path not in caches and not _lies_behind(path, prepared.folder, modules)]
    # A leading "./" keeps a name from being read as pathspec magic.
    listed = b"".join(b"./" + path + b"\0" for path in asked)
    done = await try_git("check-ignore", "--no-index", "--stdin", "-z", cwd=prepared.folder, stdin=listed)
    if done.exit_code not in (0, 1):
        raise GitError(f"check-ignore: {done.error or done.stderr.decode(errors='replace')}")
    return caches | {path.removeprefix(b"./") for path in _split(done.stdout)}


def _lies_behind(path: bytes, folder: Path, modules: frozenset[bytes]) -> bool:
    """True where the pinned commit has a link or a submodule in place of one of the path's folders.

    Git refuses to look there.
    """
    parts = _with_parents(path)
    return any((folder / part).is_symlink() for part in parts[1:]) or any(
        os.fsencode(part) in modules for part in parts
    )


def _with_parents(path: bytes) -> tuple[PurePosixPath, ...]:
    whole = PurePosixPath(os.fsdecode(path))
    return (whole, *whole.parents)


def _is_cache(path: bytes) -> bool:
    parts = PurePosixPath(os.fsdecode(path)).parts
    return bool(_CACHES & set(parts)) or path.endswith((b".pyc", b".pyo"))


async def _stage(found: _Found, skipped: set[bytes], tracked: frozenset[bytes], workspace: Path, scratch: Path) -> None:
    """Bring the scratch index to the state of the working tree."""
    kept = {path: mode for path, mode in found.files.items() if path not in skipped}
    links = {path: target for path, target in found.links.items() if path not in skipped}
    modes = kept | dict.fromkeys(links, "120000")
    identifiers = await _hash(list(kept), links, workspace, scratch)
    lines = [f"{modes[path]} {identifier}\t".encode() + path for path, identifier in identifiers.items()]
    present = found.files.keys() | found.links.keys() | skipped
    gone = [path for path in tracked - present if not found.is_unknown(path)]
    # Removals first: a path that was a file may be a folder now.
    removals = [b"0 " + b"0" * 40 + b"\t" + path for path in gone]
    entries = b"".join(line + b"\0" for line in (*removals, *lines))
    await git("update-index", "-z", "--add", "--replace", "--index-info", cwd=scratch, stdin=entries)


async def _hash(
    files: Sequence[bytes], links: Mapping[bytes, bytes], workspace: Path, scratch: Path
) -> dict[bytes, str]:
    """The object id of each file's content as it is, without filters, and of each link's target; all stored."""
    root = os.fsencode(workspace) + b"/"
    named = scratch / "named"
    await anyio.to_thread.run_sync(named.mkdir)
    read_from = {}
    for number, path in enumerate((*files, *links)):
        substitute = named / str(number)
        if path in links:
            await anyio.Path(substitute).write_bytes(links[path])
        elif b"\n" in root + path or path.endswith(b"\r"):
            # Git reads names line by line, and takes a carriage return for a part of the line's end.
            await anyio.Path(substitute).symlink_to(os.fsdecode(root + path))
        else:
            read_from[path] = root + path
            continue
        read_from[path] = os.fsencode(substitute)
    listed = b"".join(file + b"\n" for file in read_from.values())
    output = await git("hash-object", "-w", "--no-filters", "--stdin-paths", cwd=scratch, stdin=listed)
    return dict(zip(read_from, output.decode().split(), strict=True))


def _walk(workspace: Path) -> _Found:
    """Every file and link below, without following any link and without any `.git`."""
    found = _Found()
    root = os.fsencode(workspace)

    def unreadable(error: OSError) -> None:
        _note_unknown(os.path.relpath(os.fsencode(error.filename), root), found)

    for parent, folders, names in walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if name != b".git")
        if os.path.relpath(parent, root) == _WORKTREES:
            # Whole copies of the repository: what counts is what came back from them.
            found.notes += [
                f"{_shown(_WORKTREES + b'/' + name)}: left out, a worktree of the agent" for name in folders
            ]
            folders[:] = []
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]  # noqa: PTH114, PTH118
        for name in sorted((*names, *links)):
            if name != b".git":
                _take(os.path.join(parent, name), root, found)  # noqa: PTH118
    return found


def _take(full: bytes, root: bytes, found: _Found) -> None:
    path = os.path.relpath(full, root)
    try:
        status = os.lstat(full)
        target = os.readlink(full) if stat.S_ISLNK(status.st_mode) else b""  # noqa: PTH115
    except OSError:  # a folder that can be listed but not entered, or a path that is too long
        _note_unknown(path, found)
        return
    if _git_refuses(path, status):
        found.notes.append(f"{_shown(path)}: left out, git takes no such name")
    elif stat.S_ISLNK(status.st_mode):
        found.links[path] = target
    elif not stat.S_ISREG(status.st_mode):
        found.notes.append(f"{_shown(path)}: no regular file")
    elif not os.access(full, os.R_OK):
        _note_unknown(path, found)
    else:
        found.files[path] = _mode(status)
        if status.st_size > LARGEST_FILE_BYTES:
            found.large[path] = status.st_size


def _note_unknown(path: bytes, found: _Found) -> None:
    found.notes.append(f"{_shown(path)}: cannot be read")
    found.unknown.add(path)


def _git_refuses(path: bytes, status: os.stat_result) -> bool:
    parts = path.lower().split(b"/")
    return b".git" in parts or (stat.S_ISLNK(status.st_mode) and b".gitmodules" in parts)


def _mode(status: os.stat_result) -> str:
    return "100755" if status.st_mode & stat.S_IXUSR else "100644"


def _shown(path: bytes) -> str:
    return os.fsdecode(path).encode(errors="replace").decode()


def _split(output: bytes) -> list[bytes]:
    return [name for name in output.split(b"\0") if name]
