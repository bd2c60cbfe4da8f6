"""The formats of test.yaml and of the config.yaml beside it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from scylla.config.findings import listed, quoted, suggest
from scylla.config.strict import Id, InnerPath, NonEmpty, ProgramName, Seconds, Strict, refuse
from scylla.domain.tier import TIER_IDS

_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_URL = re.compile(r"(?:https?|ssh|git|file)://[^\s]+")
_SCP = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^:\s][^\s]*")
_KINDS = ("repo", "path", "bundle")


def _check_commit(commit: str) -> str:
    if not _COMMIT.fullmatch(commit):
        reason = (
            f"{quoted(commit)} is not a full commit hash of 40 hexadecimal digits (it has {len(commit)} characters)"
        )
        refuse(reason, "Copy it from 'git rev-parse <commit>' and put it in quotes")
    return commit.lower()


def _check_tier(tier: str) -> str:
    if tier not in TIER_IDS:
        refuse(f"unknown tier {quoted(tier)}", suggest(tier, TIER_IDS))
    return tier


def _check_location(location: str) -> str:
    if not location.strip() or any(ord(character) < 32 for character in location):
        refuse(f"{quoted(location)} is not a path", "Write a path relative to this folder")
    return location


def _check_repo(repo: str) -> str:
    _check_location(repo)
    # git itself gives '-…' and 'ext::…' a meaning that can run commands.
    if repo.startswith("-") or (not is_url(repo) and ("::" in repo or "://" in repo)):
        reason = f"{quoted(repo)} is neither a path nor a git URL"
        refuse(reason, "Use https://, ssh://, git://, file://, user@host:path or a path")
    return repo


def _check_glob(pattern: str) -> str:
    path = pattern.removeprefix("!")
    if not path.strip("/") or path.startswith("/") or ".." in path.split("/") or not path.isprintable():
        refuse(f"{quoted(pattern)} is not a pattern of files", "Write for example 'conftest.py' or 'tests/**'")
    return pattern


def is_url(repo: str) -> bool:
    """True for a git URL, False for a path."""
    return bool(_URL.fullmatch(repo) or _SCP.fullmatch(repo))


Commit = Annotated[str, AfterValidator(_check_commit), Field(json_schema_extra={"pattern": "^[0-9a-fA-F]{40}$"})]
Tier = Annotated[str, AfterValidator(_check_tier), Field(json_schema_extra={"enum": list(TIER_IDS)})]
Location = Annotated[str, AfterValidator(_check_location)]


class SourceFormat(Strict):
    """Where the workspace comes from: exactly one of repo, path and bundle."""

    repo: Annotated[str, AfterValidator(_check_repo)] | None = Field(
        default=None, description="a git URL or path; needs hash"
    )
    path: Location | None = Field(default=None, description="a folder; with hash, a git repository at that commit")
    bundle: Location | None = Field(default=None, description="a git bundle file; needs hash")
    hash: Commit | None = Field(default=None, description="the full commit hash, 40 hexadecimal digits")
    branch: str | None = Field(default=None, description="for readers only: the hash decides")

    @model_validator(mode="after")
    def _check_kind(self) -> SourceFormat:
        given = [name for name in _KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            has = f"has {listed(given)}" if given else "has none of repo, path, bundle"
            refuse(f"the source {has}; it needs exactly one", "Give one of repo, path and bundle")
        if self.hash is None and self.path is None:
            refuse(f"a source with '{given[0]}' needs a 'hash'", "Add 'hash:' with the full commit hash")
        return self


class TaskFormat(Strict):
    """What the agent is asked."""

    prompt_file: InnerPath = "prompt.md"
    timeout_seconds: Seconds | None = Field(default=None, description="wins over config.yaml; 3600 when neither says")


class ValidationFormat(Strict):
    """What the result is graded by."""

    criteria_file: InnerPath | None = Field(default=None, description="what a good solution is, for judges")
    rubric_file: InnerPath = "expected/rubric.yaml"
    hidden: InnerPath | None = Field(
        default=None, description="a folder that is laid over the graded copy; agents never see it"
    )
    protect: list[Annotated[str, AfterValidator(_check_glob)]] = Field(
        default_factory=list,
        description="files that are graded as they were at the pinned commit, added to the built-in list; "
        "'!pattern' takes out",
    )
    requires: list[ProgramName] = Field(default_factory=list, description="programs that the checks need")


class CaseFormat(Strict):
    """test.yaml."""

    id: Id
    name: NonEmpty
    description: str = ""
    language: str = ""
    source: SourceFormat
    task: TaskFormat = TaskFormat()
    validation: ValidationFormat = ValidationFormat()
    reference: InnerPath | None = Field(
        default=None, description="a solution: a folder to lay over the workspace, or a .patch file"
    )
    tiers: list[Tier] = Field(default_factory=list, description="the tiers the case is meant for; all when empty")
    tags: list[NonEmpty] = Field(default_factory=list)


class LimitsFormat(Strict):
    """config.yaml: limits of one run."""

    timeout_seconds: Seconds | None = None
    max_cost_usd: Annotated[float, Field(gt=0)] | None = None
