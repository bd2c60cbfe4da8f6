"""A task with everything that is needed to set and to grade it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from scylla.domain.rubric import Rubric


class SourceKind(str, Enum):
    """Where a workspace comes from."""

    FOLDER = "folder"
    BUNDLE = "bundle"
    GIT = "git"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The pinned source of a workspace.

    `location` is an absolute path (folder, bundle) or a git URL. `commit` is 40 hex digits; None only for a folder,
    which is then taken as it stands.
    """

    kind: SourceKind
    location: str
    commit: str | None


DEFAULT_PROTECT = (
    "conftest.py", "sitecustomize.py", "usercustomize.py", "**/site-packages/*.pth", "pytest.ini", ".pytest.ini",
    "*.dist-info", "*.egg-info", ".python-version", ".npmrc", ".mocharc.*", "jest.config.*", "vitest.config.*",
)  # fmt: skip
"""What can decide what a test runner runs, without being asked for by any task."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One validated case folder.

    `digest` (hex SHA-256) covers everything that shapes a run or its grade: prompt, source, criteria, rubric, hidden
    files, limits; not the reference, which no run sees.
    `offline_file` is the scenario for the offline model, None when the case has none.
    `max_cost_usd` is the run's own cap, None for no cap.
    `hidden` is a folder that is laid over the graded copy; `protect` are the patterns of the files that are graded as
    they were at the pinned commit (the last that matches decides, `!` takes out); `requires` are the programs that its
    checks need. `reference` is a folder or a `.patch` file that solves the case.
    """

    id: str
    name: str
    description: str
    language: str
    folder: Path
    source: Source
    prompt: str
    criteria: str
    rubric: Rubric
    timeout_s: float
    max_cost_usd: float | None
    tiers: tuple[str, ...]
    tags: tuple[str, ...]
    offline_file: Path | None
    digest: str
    hidden: Path | None = None
    reference: Path | None = None
    requires: tuple[str, ...] = ()
    protect: tuple[str, ...] = DEFAULT_PROTECT
