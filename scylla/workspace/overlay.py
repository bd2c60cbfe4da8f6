"""The files of a set-up, laid over a workspace."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from scylla.domain.tier import Setup
from scylla.errors import UsageError


def apply_overlay(setup: Setup, workspace: Path) -> tuple[str, ...]:
    """Write the set-up's files and return their paths.

    The workspace's repository ignores those that are new, so that the agent's own commits leave them out. A link at a
    file's own place is replaced, not followed. UsageError, before anything is written, for a path that leads out of the
    workspace, into `.git`, through a link or a file, or that is a folder of it.
    """
    targets = {_checked(file.path, workspace): file.content for file in setup.overlay}
    for path, content in targets.items():
        target = workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(content, encoding="utf-8")
    paths = tuple(str(path) for path in targets)
    if paths:
        exclude = workspace / ".git" / "info" / "exclude"
        exclude.parent.mkdir(parents=True, exist_ok=True)
        with exclude.open("a", encoding="utf-8") as rules:
            rules.writelines(f"/{_escaped(path)}\n" for path in paths)
    return paths


def _checked(path: str, workspace: Path) -> PurePosixPath:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise UsageError(f"the set-up's file {path!r} leads out of the workspace", fix="use a path inside of it")
    if ".git" in path.lower().split("/") or not path.isprintable():
        raise UsageError(f"the set-up's file {path!r} has a name that git does not take", fix="choose another name")
    for parent in parts.parents:
        found = workspace / parent
        if found.is_symlink() or (found.exists() and not found.is_dir()):
            raise UsageError(
                f"the set-up's file {path!r} leads through {str(parent)!r}, which is no folder of the workspace",
                fix="choose another path",
            )
    if (workspace / parts).is_dir() and not (workspace / parts).is_symlink():
        raise UsageError(f"the set-up's file {path!r} is a folder of the workspace", fix="choose another path")
    return parts


def _escaped(path: str) -> str:
    """The path as an ignore rule that means it alone."""
    return "".join(f"\\{character}" if character in "*?[]\\!# " else character for character in path)
