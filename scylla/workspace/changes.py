"""What an agent changed: its final files against the pinned commit, whatever it did with git."""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import anyio.to_thread

from scylla.workspace.git import GitError, git, try_git
from scylla.workspace.prepare import Prepared
from scylla.workspace.removal import remove_tree
from scylla.workspace.trees import copy_tree

LARGEST_FILE_BYTES = 50 * 2**20

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
    """The entries of a working tree, as raw paths; links with their targets."""

    files: dict[bytes, str] = field(default_factory=dict)
    links: dict[bytes, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


async def collect_changes(prepared: Prepared, workspace: Path, *, exclude: Collection[str], scratch: Path) -> Changes:
    """Compare the files of `workspace` with the pinned commit, leaving out the paths in `exclude`.

    The workspace's own repository is never asked, since its configuration could run commands; the comparison is made
    in `scratch`, which is removed at the end. Ignore rules count as they were at the pinned commit, beside a list of
    well-known caches; files the commit has are always compared.
    """
    try:
        await _init_scratch(prepared, scratch)
        tracked = await _tracked(prepared)
        found = await anyio.to_thread.run_sync(_walk, workspace)
        skipped = {os.fsencode(path) for path in exclude}
        skipped |= await _ignored(prepared, [path for path in (*found.files, *found.links) if path not in tracked])
        skipped |= await anyio.to_thread.run_sync(_untouched, found, tracked, workspace, prepared.folder)
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
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, scratch)


async def snapshot(workspace: Path, destination: Path) -> None:
    """A plain copy of a final workspace for the checks: links as links, special files left out."""
    await anyio.to_thread.run_sync(copy_tree, workspace, destination)


async def _init_scratch(prepared: Prepared, scratch: Path) -> None:
    """A repository that borrows the prepared one's objects and knows none of the agent's settings."""
    await anyio.Path(scratch).mkdir(parents=True)
    await git("init", "--quiet", "--bare", "--template=", ".", cwd=scratch)
    info = anyio.Path(scratch / "objects" / "info")
    await info.mkdir(exist_ok=True)
    await (info / "alternates").write_text(f"{prepared.folder / '.git' / 'objects'}\n")
    # An agent's .gitattributes could turn its text into "binary files differ".
    attributes = anyio.Path(scratch / "info")
    await attributes.mkdir(exist_ok=True)
    await (attributes / "attributes").write_text("* !diff\n")
    await git("read-tree", prepared.commit, cwd=scratch)


async def _tracked(prepared: Prepared) -> frozenset[bytes]:
    names = await git("ls-tree", "-r", "-z", "--name-only", prepared.commit, cwd=prepared.folder)
    return frozenset(_split(names))


def _untouched(found: _Found, tracked: frozenset[bytes], workspace: Path, pinned: Path) -> set[bytes]:
    """Files that are byte for byte as they were checked out; nothing has to be hashed or converted for them."""
    same = set()
    for path in tracked & found.files.keys():
        mine, theirs = (Path(os.fsdecode(os.fsencode(root) + b"/" + path)) for root in (workspace, pinned))
        if theirs.is_symlink() or not theirs.is_file() or _mode(theirs.stat()) != found.files[path]:
            continue
        if filecmp.cmp(mine, theirs, shallow=False):
            same.add(path)
    return same


async def _ignored(prepared: Prepared, paths: Sequence[bytes]) -> set[bytes]:
    """Those of the paths that are caches, or ignored by the rules of the pinned commit.

    Asked in the prepared repository, where the rules are those of the commit.
    """
    caches = {path for path in paths if _is_cache(path)}
    asked = [path for path in paths if path not in caches and not _lies_behind_link(path, prepared.folder)]
    # A leading "./" keeps a name from being read as pathspec magic.
    listed = b"".join(b"./" + path + b"\0" for path in asked)
    done = await try_git("check-ignore", "--no-index", "--stdin", "-z", cwd=prepared.folder, stdin=listed)
    if done.exit_code not in (0, 1):
        raise GitError(f"check-ignore: {done.error or done.stderr.decode(errors='replace')}")
    return caches | {path.removeprefix(b"./") for path in _split(done.stdout)}


def _lies_behind_link(path: bytes, folder: Path) -> bool:
    """True where the pinned commit has a link in place of one of the path's folders; git refuses to look there."""
    parents = PurePosixPath(os.fsdecode(path)).parents
    return any((folder / parent).is_symlink() for parent in parents)


def _is_cache(path: bytes) -> bool:
    parts = PurePosixPath(os.fsdecode(path)).parts
    return bool(_CACHES & set(parts)) or path.endswith((b".pyc", b".pyo"))


async def _stage(found: _Found, skipped: set[bytes], tracked: frozenset[bytes], workspace: Path, scratch: Path) -> None:
    """Bring the scratch index to the state of the working tree."""
    kept = {path: mode for path, mode in found.files.items() if path not in skipped}
    identifiers = await _hash_files(list(kept), workspace, scratch)
    lines = [f"{kept[path]} {identifier}\t".encode() + path for path, identifier in identifiers.items()]
    for path, target in found.links.items():
        if path not in skipped:
            identifier = (await git("hash-object", "-w", "--stdin", cwd=scratch, stdin=target)).decode().strip()
            lines.append(f"120000 {identifier}\t".encode() + path)
    gone = [path for path in tracked if path not in found.files and path not in found.links and path not in skipped]
    # Removals first: a path that was a file may be a folder now.
    removals = [b"0 " + b"0" * 40 + b"\t" + path for path in gone]
    entries = b"".join(line + b"\0" for line in (*removals, *lines))
    await git("update-index", "-z", "--add", "--replace", "--index-info", cwd=scratch, stdin=entries)


async def _hash_files(paths: Sequence[bytes], workspace: Path, scratch: Path) -> dict[bytes, str]:
    """The object id of each file's content as it is, without filters; stored in the scratch repository."""
    root = os.fsencode(workspace) + b"/"
    plain = [path for path in paths if b"\n" not in root + path and not (root + path).startswith(b'"')]
    listed = b"".join(root + path + b"\n" for path in plain)
    output = await git("hash-object", "-w", "--no-filters", "--stdin-paths", cwd=scratch, stdin=listed)
    identifiers = dict(zip(plain, output.decode().split(), strict=True))
    for path in paths:
        if path not in identifiers:
            content = await anyio.to_thread.run_sync(Path(os.fsdecode(root + path)).read_bytes)
            identifier = await git("hash-object", "-w", "--stdin", cwd=scratch, stdin=content)
            identifiers[path] = identifier.decode().strip()
    return identifiers


def _walk(workspace: Path) -> _Found:
    """Every file and link below, without following any link and without any `.git`."""
    found = _Found()
    root = os.fsencode(workspace)

    def unreadable(error: OSError) -> None:
        found.notes.append(f"{_shown(error.filename, root)}: cannot be read")

    for parent, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if name != b".git")
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]  # noqa: PTH114, PTH118
        for name in sorted((*names, *links)):
            if name != b".git":
                _take(os.path.join(parent, name), root, found)  # noqa: PTH118
    return found


def _take(full: bytes, root: bytes, found: _Found) -> None:
    path = os.path.relpath(full, root)
    status = os.lstat(full)
    if b".git" in path.lower().split(b"/"):
        found.notes.append(f"{_shown(full, root)}: left out, git takes no such name")
    elif stat.S_ISLNK(status.st_mode):
        found.links[path] = os.readlink(full)  # noqa: PTH115
    elif not stat.S_ISREG(status.st_mode):
        found.notes.append(f"{_shown(full, root)}: no regular file")
    elif status.st_size > LARGEST_FILE_BYTES:
        found.notes.append(f"{_shown(full, root)}: left out, {status.st_size / 2**20:.0f} MiB")
    elif not os.access(full, os.R_OK):
        found.notes.append(f"{_shown(full, root)}: cannot be read")
    else:
        found.files[path] = _mode(status)


def _mode(status: os.stat_result) -> str:
    return "100755" if status.st_mode & stat.S_IXUSR else "100644"


def _shown(full: bytes | str, root: bytes) -> str:
    return os.fsdecode(os.path.relpath(os.fsencode(full), root)).encode(errors="replace").decode()


def _split(output: bytes) -> list[bytes]:
    return [name for name in output.split(b"\0") if name]
