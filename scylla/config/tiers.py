"""Tier folders (`t0/tier.yaml` and its blocks) → subtests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from scylla.config.findings import Findings, listed, quoted, shown, suggest
from scylla.config.strict import Id, InnerPath, NonEmpty, Strict, TwoDigits, validate
from scylla.config.yaml_file import read_text, read_yaml
from scylla.domain.problem import Problem
from scylla.domain.tier import TIER_IDS, OverlayFile, Setup, Subtest, SystemPrompt

TIER_FILE = "tier.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedTier:
    """The subtests of a tier in the order of its file; empty as soon as a problem is an error."""

    id: str
    name: str
    description: str
    subtests: tuple[Subtest, ...]
    problems: tuple[Problem, ...]


class ClaudeMdFormat(Strict):
    """The CLAUDE.md laid over the workspace."""

    blocks: Annotated[list[Id], Field(min_length=1)] = Field(description="blocks/<id>.md, joined in this order")


class SubtestFormat(Strict):
    """One set-up."""

    id: TwoDigits
    name: NonEmpty
    description: str = ""
    system_prompt: Literal["none", "default", "custom"] = "default"
    system_prompt_text: NonEmpty | None = Field(default=None, description="only with `system_prompt: custom`")
    system_prompt_file: InnerPath | None = Field(default=None, description="only with `system_prompt: custom`")
    claude_md: ClaudeMdFormat | None = None


class TierFormat(Strict):
    """tier.yaml."""

    schema_version: Literal[1] = 1
    name: NonEmpty
    description: str = ""
    subtests: Annotated[list[SubtestFormat], Field(min_length=1)]


def available_tiers(folder: Path | None = None) -> tuple[str, ...]:
    """The ids of the tiers that the folder (by default the built-in one) has, in order."""
    with _tiers_folder(folder) as root:
        return tuple(tier_id for tier_id in TIER_IDS if (root / tier_id.lower() / TIER_FILE).is_file())


def load_tier(tier_id: str, folder: Path | None = None) -> LoadedTier:
    """The tier from `folder/t0/tier.yaml` and so on, by default from the built-in data. Never raises for content."""
    findings = Findings()
    with _tiers_folder(folder) as root:
        tier = _read_tier(tier_id, root, findings, available_tiers(folder))
        subtests = () if tier is None else _subtests(tier_id, tier, root / tier_id.lower(), findings)
    return LoadedTier(
        id=tier_id,
        name=tier.name if tier else tier_id,
        description=tier.description.strip() if tier else "",
        subtests=() if findings.error_count else subtests,
        problems=findings.problems,
    )


@contextmanager
def _tiers_folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
    else:
        with resources.as_file(resources.files("scylla.tiers")) as built_in:
            yield built_in


def _read_tier(tier_id: str, root: Path, findings: Findings, available: tuple[str, ...]) -> TierFormat | None:
    if tier_id not in TIER_IDS:
        findings.error(root, "", reason=f"unknown tier {quoted(tier_id)}", fix=suggest(tier_id, TIER_IDS))
        return None
    path = root / tier_id.lower() / TIER_FILE
    if tier_id not in available:
        reason = f"there is no tier {tier_id} here ({shown(path)} does not exist)"
        has = f"the folder has {listed(available)}" if available else "the folder has no tiers"
        findings.error(root, "", reason=reason, fix=f"Choose another tier or folder; {has}")
        return None
    return validate(TierFormat, read_yaml(path, findings, fix="Create it"), path, findings)


def _subtests(tier_id: str, tier: TierFormat, folder: Path, findings: Findings) -> tuple[Subtest, ...]:
    file = folder / TIER_FILE
    blocks = _block_files(folder)
    subtests: list[Subtest] = []
    for index, subtest in enumerate(tier.subtests):
        key = f"subtests[{index}]"
        errors_before = findings.error_count
        setup = Setup(
            system_prompt=SystemPrompt(subtest.system_prompt),
            system_prompt_text=_system_prompt_text(subtest, key, file, findings),
            overlay=_overlay(subtest, key, blocks, file, findings),
        )
        made = Subtest(
            tier=tier_id,
            id=subtest.id,
            name=subtest.name.strip(),
            description=subtest.description.strip(),
            setup=setup,
        )
        _check_is_new(made, subtests, key, file, findings)
        if findings.error_count == errors_before:
            subtests.append(made)
    return tuple(subtests)


def _block_files(folder: Path) -> Mapping[str, Path]:
    return {path.stem: path for path in sorted((folder / "blocks").glob("*.md"))}


def _system_prompt_text(subtest: SubtestFormat, key: str, file: Path, findings: Findings) -> str:
    given = [name for name in ("system_prompt_text", "system_prompt_file") if getattr(subtest, name) is not None]
    if subtest.system_prompt != "custom":
        for name in given:
            reason = f"a text is given, but system_prompt is '{subtest.system_prompt}'"
            findings.error(file, f"{key}.{name}", reason=reason, fix="Write 'system_prompt: custom' or remove the text")
        return ""
    if len(given) != 1:
        reason = "a custom system prompt needs a text or a file" + (", not both" if given else "")
        fix = "Give one of system_prompt_text and system_prompt_file"
        findings.error(file, f"{key}.system_prompt", reason=reason, fix=fix)
        return ""
    if subtest.system_prompt_file is None:
        return subtest.system_prompt_text or ""
    path = file.parent / subtest.system_prompt_file
    text = read_text(path, findings, fix=f"Create it, or correct '{key}.system_prompt_file' in {TIER_FILE}") or ""
    return text.strip()


def _overlay(
    subtest: SubtestFormat, key: str, blocks: Mapping[str, Path], file: Path, findings: Findings
) -> tuple[OverlayFile, ...]:
    if subtest.claude_md is None:
        return ()
    texts: list[str] = []
    for index, block in enumerate(subtest.claude_md.blocks):
        place = f"{key}.claude_md.blocks[{index}]"
        if block not in blocks:
            reason = f"there is no block {quoted(block)} (blocks/{block}.md)"
            findings.error(file, place, reason=reason, fix=suggest(block, list(blocks)))
            continue
        text = read_text(blocks[block], findings, fix="Create it")
        if text is not None and not text.strip():
            findings.error(blocks[block], "", reason="the block is empty", fix=f"Write it, or remove {place}")
        texts.append((text or "").strip())
    return (OverlayFile(path="CLAUDE.md", content="\n\n".join(texts) + "\n"),)


def _check_is_new(made: Subtest, others: list[Subtest], key: str, file: Path, findings: Findings) -> None:
    for other in others:
        if other.id == made.id:
            reason = f"the id {quoted(made.id)} is already used"
            findings.error(file, f"{key}.id", reason=reason, fix="Give every subtest its own id")
        elif other.setup == made.setup:
            reason = f"the set-up is the same as that of {other.label}: it would measure nothing"
            findings.error(file, key, reason=reason, fix="Change the set-up or remove the subtest")
