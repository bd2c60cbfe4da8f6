"""The files of a set-up, laid over a workspace in place of the agent configuration that it came with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from scylla.domain.tier import OverlayFile, Plugin, Setup
from scylla.errors import UsageError
from scylla.workspace.git import git
from scylla.workspace.prepare import Prepared


async def apply_setup(setup: Setup, workspace: Path, prepared: Prepared) -> None:
    """Lay the set-up's files over a copy of `prepared`; the copy's own agent configuration is taken out of it.

    The repository takes no notice of either, so that neither the agent's `git status` nor its commits show them.
    """
    for path in prepared.configuration:
        (workspace / path).unlink(missing_ok=True)
        _remove_empty_parents(workspace / path, workspace)
    if prepared.configuration:
        listed = b"".join(path.encode(errors="surrogateescape") + b"\0" for path in prepared.configuration)
        await git("update-index", "-z", "--skip-worktree", "--stdin", cwd=workspace, stdin=listed)
    apply_overlay(setup, workspace)


def no_part_of_the_work(setup: Setup, prepared: Prepared) -> tuple[str, ...]:
    """The paths that no judge and no check is to see as the agent's work."""
    return tuple(dict.fromkeys((*prepared.configuration, *setup.file_paths)))


def write_plugins(plugins: Iterable[Plugin], folder: Path) -> None:
    """Each plug-in as a folder of its name."""
    for plugin in plugins:
        for file in plugin.files:
            _write(file, folder / plugin.name / file.path)


def apply_overlay(setup: Setup, workspace: Path) -> tuple[str, ...]:
    """Write the set-up's files and return their paths.

    The workspace's repository ignores those that are new, so that the agent's own commits leave them out. A link at a
    file's own place is replaced, not followed. UsageError, before anything is written, for a path that leads out of the
    workspace, into `.git`, through a link or a file, or that is a folder of it.
    """
    targets = {_checked(file.path, workspace): file for file in setup.overlay}
    for path, file in targets.items():
        _write(file, workspace / path)
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


def _write(file: OverlayFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.write_bytes(file.content)
    if file.is_executable:
        target.chmod(0o755)


def _remove_empty_parents(path: Path, workspace: Path) -> None:
    for parent in path.parents:
        if parent == workspace or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def _escaped(path: str) -> str:
    """The path as an ignore rule that means it alone."""
    return "".join(f"\\{character}" if character in "*?[]\\!# " else character for character in path)
