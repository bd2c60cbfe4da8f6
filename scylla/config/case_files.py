"""The hidden files and the reference of a case: found, and fit to be laid over a workspace."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from scylla.config.findings import Findings, quoted

_HIDDEN_FIX = "Put the tests into it as they are to lie in the workspace, or remove the key"


def find_hidden(name: str | None, folder: Path, file: Path, findings: Findings) -> Path | None:
    """The folder of hidden files, None (and an error when one was asked for) otherwise."""
    if name is None:
        return None
    path = folder / name
    reason = _unfit(path, folder)
    if reason:
        findings.error(file, "validation.hidden", reason=f"{quoted(name)} {reason}", fix=_HIDDEN_FIX)
        return None
    return path


def find_reference(name: str | None, folder: Path, file: Path, findings: Findings) -> Path | None:
    """The folder or patch that solves the case, None (and an error when one was asked for) otherwise."""
    if name is None:
        return None
    path = folder / name
    is_file = os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for names that are too long
    if is_file and path.suffix == ".patch" and _is_inside(path, folder):
        return path
    reason = "is no .patch file inside the case folder" if is_file else _unfit(path, folder)
    if reason:
        fix = "Name a folder of files to lay over the workspace, or a .patch file"
        findings.error(file, "reference", reason=f"{quoted(name)} {reason}", fix=fix)
        return None
    return path


def _unfit(path: Path, folder: Path) -> str:
    """Why the folder cannot be laid over a workspace; empty when it can."""
    if not os.path.isdir(path):  # noqa: PTH112 - as above
        return "is no folder" if os.path.lexists(path) else "does not exist"
    if not _is_inside(path, folder):
        return "leads outside the case folder"
    has_files = False
    for parent, folders, names in os.walk(path):
        for entry in (*folders, *names):
            mode = (Path(parent) / entry).lstat().st_mode
            if entry.lower() == ".git":
                return "holds a .git, which cannot be laid over a workspace"
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                return f"holds {quoted(entry)}, which is neither a file nor a folder"
        has_files |= bool(names)
    return "" if has_files else "holds no file"


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
