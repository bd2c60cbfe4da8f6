"""The copy of a final workspace that is graded: the agent's work, without what it may have left to decide its grade."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

from scylla.workspace.removal import remove_tree
from scylla.workspace.trees import copy_tree, walk

_GIT_LEFTOVERS = ("config.worktree", "hooks", "info/attributes", "commondir", "objects/info/alternates")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a graded copy is made.

    `pinned` is the prepared source, `overlay` are the paths of the set-up's files, `protect` the patterns of what is
    graded as it was at the pinned commit, and `hidden` is the folder laid over all of it.
    """

    pinned: Path
    overlay: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    hidden: Path | None = None


def make_graded(workspace: Path, destination: Path, recipe: Recipe) -> tuple[str, ...]:
    """Make the copy at `destination`, which does not exist; what was put right in it, in words.

    The set-up's files and the protected ones are as at the pinned commit, links out of the tree are gone unless the
    commit has them, the repository has the configuration it began with and no hooks, and the hidden files lie over it.
    """
    copy_tree(workspace, destination)
    notes = _remove_links(destination, recipe.pinned)
    for path in recipe.overlay:
        _restore(path, destination, recipe.pinned)
    notes += _restore_protected(destination, recipe)
    _secure_repository(destination / ".git", recipe.pinned / ".git")
    if recipe.hidden is not None:
        _lay_over(recipe.hidden, destination, recipe.pinned)
    return tuple(notes)


def protects(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Tells whether a path (relative, with slashes) is protected: the last pattern that matches it decides.

    A pattern matches what lies below a folder it matches. Without a slash it means a name at any depth.
    """
    rules = [
        (not takes_out, re.compile("|".join(_as_expression(pattern.removeprefix("!")) for pattern in group), re.DOTALL))
        for takes_out, group in groupby(patterns, lambda pattern: pattern.startswith("!"))
    ]

    def decide(path: str) -> bool:
        return next((protected for protected, rule in reversed(rules) if rule.fullmatch(path)), False)

    return decide


def lay_file(source: Path, path: str, folder: Path) -> None:
    """Copy one file or link to a path below `folder`; what is in its way is replaced, and no link is followed."""
    clear_place(path, folder)
    shutil.copy(source, folder / path, follow_symlinks=False)


def clear_place(path: str, folder: Path) -> None:
    """Nothing is at a path below `folder`, and what leads to it are real folders; no link is followed."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        above = folder / parent
        if above.is_symlink() or not above.is_dir():
            remove_tree(above)
            above.mkdir()
    remove_tree(folder / path)


def files_below(folder: Path) -> Iterator[str]:
    """The relative path of every file and link, without any `.git`."""
    for parent, folders, names in walk(str(folder)):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if os.path.islink(f"{parent}/{name}")]  # noqa: PTH114
        for name in (*names, *links):
            if name != ".git":
                yield os.path.relpath(f"{parent}/{name}", folder)


def _as_expression(pattern: str) -> str:
    anywhere = "" if "/" in pattern.rstrip("/") else "(?:.*/)?"
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.rstrip("/"))
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return f"{anywhere}{''.join(words.get(piece) or re.escape(piece) for piece in pieces)}(?:/.*)?"


def _remove_links(destination: Path, pinned: Path) -> list[str]:
    """Take out the links that lead out of the tree, unless the pinned commit has the very same."""
    root = os.path.realpath(destination)
    notes = []
    for path in list(files_below(destination)):
        link = destination / path
        if not link.is_symlink():
            continue
        target = os.readlink(link)  # noqa: PTH115 - Path would tidy the text of the link
        inside = not target.startswith("/") and _is_below(os.path.realpath(link), root)
        if not inside and not _is_link_to(pinned / path, target):
            link.unlink()
            notes.append(f"{_shown(path)}: not there for the checks, a link out of the workspace")
    return notes


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _is_link_to(path: Path, target: str) -> bool:
    return path.is_symlink() and os.readlink(path) == target  # noqa: PTH115


def _restore_protected(destination: Path, recipe: Recipe) -> list[str]:
    """Bring every protected file to the state of the pinned commit."""
    is_protected = protects(recipe.protect)
    pinned = {path for path in files_below(recipe.pinned) if is_protected(path)}
    there = {path for path in files_below(destination) if is_protected(path)}
    notes = []
    for path in sorted(pinned | there):
        if path in pinned and path in there and _is_same(recipe.pinned / path, destination / path):
            continue
        _restore(path, destination, recipe.pinned)
        state = "as at the pinned commit" if path in pinned else "not there"
        notes.append(f"{_shown(path)}: {state} for the checks, it is protected")
    return notes


def _restore(path: str, destination: Path, pinned: Path) -> None:
    """Bring one path to the state of the pinned commit; nothing is touched through a link in its way."""
    source = pinned / path
    if (source.is_symlink() or source.is_file()) and not leads_through_link(path, pinned):
        lay_file(source, path, destination)
    elif not leads_through_link(path, destination):
        remove_tree(destination / path)


def leads_through_link(path: str, folder: Path) -> bool:
    """True where a folder on the way to a path below `folder` is a link."""
    parents = PurePosixPath(path).parents
    return any((folder / parent).is_symlink() for parent in list(parents)[:-1])


def _is_same(mine: Path, theirs: Path) -> bool:
    if mine.is_symlink() or theirs.is_symlink():
        return theirs.is_symlink() and _is_link_to(mine, os.readlink(theirs))  # noqa: PTH115
    if mine.stat().st_mode != theirs.stat().st_mode or mine.stat().st_size != theirs.stat().st_size:
        return False
    return mine.read_bytes() == theirs.read_bytes()


def _secure_repository(repository: Path, pinned: Path) -> None:
    """Commits stay; configuration, hooks and pointers to other places are those of the beginning."""
    if repository.is_symlink() or not repository.is_dir():
        remove_tree(repository)
        return
    for inner in ("config", *_GIT_LEFTOVERS):
        clear_place(inner, repository)
    shutil.copyfile(pinned / "config", repository / "config")


def _lay_over(hidden: Path, destination: Path, pinned: Path) -> None:
    """Lay the hidden files; a folder that the pinned commit does not have is theirs alone."""
    # What a run of the hidden tests has left there is none of them.
    paths = sorted(path for path in files_below(hidden) if "__pycache__" not in path.split("/"))
    for path in paths:
        for parent in reversed(PurePosixPath(path).parents[:-1]):
            if not (pinned / parent).is_dir() or (pinned / parent).is_symlink():
                if not leads_through_link(str(parent), destination):
                    remove_tree(destination / parent)
                break
    for path in paths:
        lay_file(hidden / path, path, destination)
        # Compiled files can stand in for the source they lie beside.
        remove_tree((destination / path).parent / "__pycache__")


def _shown(path: str) -> str:
    return path.encode(errors="replace").decode()
