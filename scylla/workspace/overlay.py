"""The files of a set-up, laid over a workspace."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from scylla.domain.tier import Setup
from scylla.errors import UsageError


def apply_overlay(setup: Setup, workspace: Path) -> tuple[str, ...]:
    """Write the set-up's files and return their paths.

    The workspace's repository ignores those that are new, so that the agent's own commits leave them out. UsageError
    for a path that leads out of the workspace, into `.git` or over a link.
    """
    for file in setup.overlay:
        target = workspace / _checked(file.path, workspace)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.content, encoding="utf-8")
    paths = tuple(file.path for file in setup.overlay)
    if paths:
        exclude = workspace / ".git" / "info" / "exclude"
        exclude.parent.mkdir(parents=True, exist_ok=True)
        with exclude.open("a", encoding="utf-8") as rules:
            rules.writelines(f"/{_escaped(path)}\n" for path in paths)
    return paths


def _checked(path: str, workspace: Path) -> PurePosixPath:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or ".git" in parts.parts or not parts.parts:
        raise UsageError(f"the set-up's file {path!r} leads out of the workspace", fix="use a path inside of it")
    for parent in (parts, *parts.parents):
        if (workspace / parent).is_symlink():
            raise UsageError(
                f"the set-up's file {path!r} leads over a link of the workspace", fix="choose another path"
            )
    return parts


def _escaped(path: str) -> str:
    """The path as an ignore rule that means it alone."""
    return "".join(f"\\{character}" if character in "*?[]\\!# " else character for character in path)
