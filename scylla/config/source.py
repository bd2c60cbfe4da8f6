"""The source of a case: found, and kept apart from what grades it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from scylla.config.case_format import SourceFormat, is_url
from scylla.config.findings import Findings, quoted, shown
from scylla.domain.case import Source, SourceKind


def locate_source(source: SourceFormat, folder: Path, file: Path, findings: Findings) -> Source | None:
    """The source with its absolute location, or None and an error. Paths are relative to the case folder."""
    if source.repo is not None:
        return _repository(source.repo, source.hash, folder, file, findings)
    if source.bundle is not None:
        return _bundle(source.bundle, source.hash, folder, file, findings)
    return _folder(source.path or "", source.hash, folder, file, findings)


def _absolute(folder: Path, location: str) -> Path:
    return Path(os.path.normpath(folder / location))


def _repository(repo: str, commit: str | None, folder: Path, file: Path, findings: Findings) -> Source | None:
    location = repo
    if not is_url(repo):
        path = _absolute(folder, repo)
        location = str(path)
        if not _is_repository(path):
            reason = f"there is no git repository at {shown(path)}"
            fix = "Correct the path (it is relative to the case folder) or give a URL"
            findings.error(file, "source.repo", reason=reason, fix=fix)
            return None
    return Source(kind=SourceKind.GIT, location=location, commit=commit)


def _bundle(bundle: str, commit: str | None, folder: Path, file: Path, findings: Findings) -> Source | None:
    path = _absolute(folder, bundle)
    fix = "Make one with 'git bundle create FILE --all' and name it relative to the case folder"
    try:
        with path.open("rb") as content:
            is_bundle = path.is_file() and content.read(16).startswith((b"# v2 git bundle\n", b"# v3 git bundle\n"))
    except (OSError, ValueError):
        findings.error(file, "source.bundle", reason=f"there is no file {shown(path)}", fix=fix)
        return None
    if not is_bundle:
        findings.error(file, "source.bundle", reason=f"{shown(path)} is not a git bundle", fix=fix)
        return None
    return Source(kind=SourceKind.BUNDLE, location=str(path), commit=commit)


def _folder(location: str, commit: str | None, folder: Path, file: Path, findings: Findings) -> Source | None:
    path = _absolute(folder, location)
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for names that are too long
        reason = f"there is no folder {shown(path)}"
        fix = "Create it or correct the path (it is relative to the case folder)"
        findings.error(file, "source.path", reason=reason, fix=fix)
        return None
    if commit is not None and not _is_repository(path):
        reason = f"{shown(path)} is not a git repository, so that {quoted(commit)} cannot be found in it"
        findings.error(file, "source.hash", reason=reason, fix="Remove 'hash' to take the folder as it stands")
        return None
    return Source(kind=SourceKind.FOLDER, location=str(path), commit=commit)


def _is_repository(path: Path) -> bool:
    """True for a work tree, a linked work tree and a bare repository."""
    return os.path.exists(path / ".git") or os.path.isfile(path / "HEAD")  # noqa: PTH110, PTH113 - as above


def check_hidden(source: Source, secrets: Iterable[Path], file: Path, findings: Findings) -> None:
    """Add an error when the agent would find what grades it inside its workspace."""
    if source.kind is not SourceKind.FOLDER:
        return
    root = os.path.realpath(source.location)
    for secret in secrets:
        real = os.path.realpath(secret)
        if os.path.commonpath([root, real]) == root:
            reason = f"the source contains {shown(secret)}, so that the agent would see what grades it"
            fix = "Move the workspace into a folder of its own, such as 'workspace'"
            findings.error(file, "source.path", reason=reason, fix=fix)
            return
