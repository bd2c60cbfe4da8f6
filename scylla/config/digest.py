"""The digest of a case: equal exactly when what shapes a run and its grade is."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from scylla.config.case_format import is_url
from scylla.config.findings import Findings
from scylla.domain.case import Source, SourceKind
from scylla.domain.rubric import Rubric
from scylla.domain.scenario import Scenario

_CHUNK_BYTES = 1024 * 1024


def digest_case(
    *,
    prompt: str,
    criteria: str,
    rubric: Rubric,
    source_digest: str,
    timeout_s: float,
    max_cost_usd: float | None,
    scenario: Scenario | None,
    hidden_digest: str,
    protect: tuple[str, ...],
) -> str:
    """Hex SHA-256 over the canonical JSON of all parts; the scenario is a part only when there is one.

    The version counts the ways of grading: results of two ways do not belong into one experiment.
    """
    parts: dict[str, object] = {
        "digest_version": 2,
        "prompt": prompt,
        "criteria": criteria,
        "rubric": asdict(rubric),
        "source": source_digest,
        "timeout_s": float(timeout_s),
        "max_cost_usd": max_cost_usd,
        "hidden": hidden_digest,
        "protect": protect,
    }
    if scenario is not None:
        parts["scenario"] = asdict(scenario)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def digest_source(source: Source, *, key: str, file: Path, findings: Findings) -> str | None:
    """A text that changes with the content of the source, or None and problems (at `key` of `file`).

    A commit hash stands for all it contains. A folder without one is read: names, contents, link targets and the
    executable bit; `.git` is left out, as are empty folders and the other mode bits, which git does not keep either.
    """
    if source.kind is SourceKind.GIT:
        return f"git {source.location if is_url(source.location) else ''} {source.commit}"
    location = Path(source.location)
    if source.commit is not None and source.kind is SourceKind.FOLDER:
        return f"commit {source.commit}"
    try:
        if source.kind is SourceKind.BUNDLE:
            return f"bundle {_digest_file(location)} {source.commit}"
        return f"folder {_digest_folder(location)}"
    except (OSError, ValueError) as error:
        reason = f"the source cannot be read ({error})"
        findings.error(file, key, reason=reason, fix="Check the files and their permissions")
        return None


def digest_hidden(hidden: Path | None, *, file: Path, findings: Findings) -> str | None:
    """A text that changes with the content of the hidden files, empty without any; None and a problem if unreadable."""
    try:
        return "" if hidden is None else _digest_folder(hidden, leave_out=frozenset({".git", "__pycache__"}))
    except (OSError, ValueError) as error:
        fix = "Check the files and their permissions"
        findings.error(file, "validation.hidden", reason=f"the hidden files cannot be read ({error})", fix=fix)
        return None


def digest_reference(reference: Path) -> str:
    """A text that changes with the content of the solution, a folder or a patch."""
    if reference.is_file():
        return _digest_file(reference)
    return _digest_folder(reference, leave_out=frozenset({"__pycache__"}))


def _digest_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _digest_folder(folder: Path, *, leave_out: frozenset[str] = frozenset({".git"})) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(_entries(folder, "", leave_out)):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            kind, content = "link", hashlib.sha256(os.fsencode(path.readlink())).hexdigest()
        elif stat.S_ISREG(status.st_mode):
            kind, content = "program" if status.st_mode & stat.S_IXUSR else "file", _digest_file(path)
        else:
            raise ValueError(f"{path} is neither a file, a folder nor a link")
        digest.update(b"\0".join((os.fsencode(name), kind.encode(), content.encode())) + b"\0")
    return digest.hexdigest()


def _entries(folder: Path, prefix: str, leave_out: frozenset[str]) -> Iterator[tuple[str, Path]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.name in leave_out:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path), f"{name}/", leave_out)
            else:
                yield name, Path(entry.path)
