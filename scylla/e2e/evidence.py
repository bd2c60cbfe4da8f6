"""The evidence of a graded run: what checking and judging need, kept with it, so that it can be graded again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from scylla.adapters.stream_json import trajectory
from scylla.domain.case import Case
from scylla.domain.record import Attempt
from scylla.domain.rubric import Item
from scylla.store.files import write_whole
from scylla.workspace.graded import leads_through_link
from scylla.workspace.removal import remove_tree

LARGEST_FILE_BYTES = 256 * 2**10
MOST_BYTES = 4 * 2**20

_NAME = re.compile(r"[\w./-]*\w\.\w{1,12}")


def write_evidence(attempt: Attempt, case: Case, workspace: Path, folder: Path, *, commit: str) -> None:
    """Write `evidence/` in the attempt's folder, the manifest last; what was there before is replaced.

    What lies in the attempt's folder already is named in the manifest, not copied.
    """
    evidence = folder / "evidence"
    remove_tree(evidence)
    evidence.mkdir(parents=True)
    write_whole(evidence / "task.md", case.prompt)
    write_whole(evidence / "message.md", attempt.report.result_text or "")
    with (folder / "agent" / "stdout.jsonl").open("rb") as lines:
        steps = trajectory(lines)
    write_whole(evidence / "trajectory.jsonl", "".join(json.dumps(asdict(step)) + "\n" for step in steps))
    left_out = _copy_named(case, workspace, evidence / "files")
    manifest = {
        "format_version": 1,
        "run": attempt.key.label,
        "attempt": attempt.number,
        "case_digest": case.digest,
        "pinned_commit": commit,
        "files_left_out": left_out,
        "contents": [_entry(path, folder) for path in _contents(folder)],
    }
    write_whole(evidence / "manifest.json", json.dumps(manifest, indent=2) + "\n")


def named_files(item: Item) -> tuple[str, ...]:
    """The relative paths that a rubric's item names: in its conditions, its command and its words."""
    check = item.check
    listed: list[str] = []
    words = item.text
    if check is not None:
        listed += [match.path for match in check.files]
        listed += [match.file for match in check.json if match.file is not None]
        words += f"\n{check.run}"
    listed += [name.removeprefix("./") for name in _NAME.findall(words)]
    return tuple(name for name in dict.fromkeys(listed) if not name.startswith("/") and ".." not in name.split("/"))


def _copy_named(case: Case, workspace: Path, target: Path) -> list[str]:
    """Copy the files that the rubric names and the agent left; those that are too large are returned."""
    left_out: list[str] = []
    room = MOST_BYTES
    for name in dict.fromkeys(name for item in case.rubric.items for name in named_files(item)):
        source = workspace / name
        if leads_through_link(name, workspace) or os.path.islink(source) or not os.path.isfile(source):  # noqa: PTH113, PTH114
            continue
        size_bytes = source.stat().st_size
        if size_bytes > min(LARGEST_FILE_BYTES, room) or not os.access(source, os.R_OK):
            left_out.append(name)
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(target / name, source.read_bytes())
        room -= size_bytes
    return left_out


def _contents(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in ("changes.patch", "changes.json"))
    for inner in ("checks", "evidence"):
        yield from sorted(path for path in (folder / inner).rglob("*") if path.is_file())


def _entry(path: Path, folder: Path) -> dict[str, object]:
    content = path.read_bytes()
    return {
        "path": str(path.relative_to(folder)),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
