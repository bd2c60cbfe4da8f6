"""Tier folders (`t0/tier.yaml` and so on, with a library) → subtests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from scylla.config.findings import Findings, listed, quoted, shown, suggest
from scylla.config.library import Library, front_matter, read_library
from scylla.config.strict import validate
from scylla.config.subtest_setup import TierFolder, build_setup
from scylla.config.tier_format import ForEachFormat, SubtestFormat, TierFormat
from scylla.config.yaml_file import read_text, read_yaml
from scylla.domain.problem import Problem
from scylla.domain.tier import TIER_IDS, Subtest

TIER_FILE = "tier.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedTier:
    """The subtests of a tier in the order of its file; empty as soon as a problem is an error."""

    id: str
    name: str
    description: str
    subtests: tuple[Subtest, ...]
    problems: tuple[Problem, ...]


def available_tiers(folder: Path | None = None) -> tuple[str, ...]:
    """The ids of the tiers that the folder (by default the built-in one) has, in order."""
    with _built_in() as built_in:
        root = folder or built_in
        return tuple(tier_id for tier_id in TIER_IDS if (root / tier_id.lower() / TIER_FILE).is_file())


def load_tier(tier_id: str, folder: Path | None = None) -> LoadedTier:
    """The tier from `folder/t0/tier.yaml` and so on, by default from the built-in data. Never raises for content.

    Names are looked up in the tier's own `blocks`, in the `library` of `folder`, and in the built-in library.
    """
    findings = Findings()
    with _built_in() as built_in:
        root = folder or built_in
        tier = _read_tier(tier_id, root, findings, available_tiers(folder))
        subtests: tuple[Subtest, ...] = ()
        if tier is not None:
            library = read_library((built_in, folder) if folder else (built_in,), findings)
            subtests = _subtests(tier_id, tier, TierFolder(path=root / tier_id.lower(), library=library), findings)
    return LoadedTier(
        id=tier_id,
        name=tier.name if tier else tier_id,
        description=tier.description.strip() if tier else "",
        subtests=() if findings.error_count else subtests,
        problems=findings.problems,
    )


@contextmanager
def _built_in() -> Iterator[Path]:
    with resources.as_file(resources.files("scylla.tiers")) as folder:
        yield folder


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


def _subtests(tier_id: str, tier: TierFormat, folder: TierFolder, findings: Findings) -> tuple[Subtest, ...]:
    file = folder.path / TIER_FILE
    subtests: list[Subtest] = []
    for index, entry in enumerate(tier.subtests):
        key = f"subtests[{index}]"
        for subtest in _expand(entry, key, folder, file, findings):
            errors_before = findings.error_count
            made = Subtest(
                tier=tier_id,
                id=subtest.id or "",
                name=subtest.name.strip(),
                description=" ".join(subtest.description.split()),
                setup=build_setup(subtest, key, file, folder, findings),
                inherits=tuple(dict.fromkeys(subtest.inherit_best_from)),
            )
            _check(made, subtests, key, file, findings)
            if findings.error_count == errors_before:
                subtests.append(made)
    return tuple(subtests)


def _expand(
    entry: SubtestFormat, key: str, folder: TierFolder, file: Path, findings: Findings
) -> tuple[SubtestFormat, ...]:
    """The subtests an entry stands for, each with an id."""
    if entry.for_each is None:
        if entry.id is None or entry.ids is not None:
            reason = "an entry without for_each needs one id" if entry.id is None else "'ids' means nothing here"
            findings.error(file, f"{key}.id", reason=reason, fix='Write for example id: "00", and no ids')
            return ()
        return (entry,)
    if entry.ids is None or entry.id is not None:
        reason = "an entry with for_each needs the range of its ids, not one id"
        findings.error(file, f"{key}.ids", reason=reason, fix='Write for example ids: "06..23"')
        return ()
    first, last = (int(part) for part in entry.ids.split(".."))
    items = _items(entry.for_each, key, folder.library, file, findings)
    if items is None:
        return ()
    if len(items) != last - first + 1:
        reason = f"{entry.ids} are {max(last - first + 1, 0)} ids, but there are {len(items)} entries to repeat it for"
        findings.error(file, f"{key}.ids", reason=reason, fix="Correct the range or the library")
        return ()
    return tuple(
        _filled(entry, id_number, item, about)
        for id_number, (item, about) in zip(range(first, last + 1), items.items(), strict=True)
    )


def _items(
    for_each: ForEachFormat, key: str, library: Library, file: Path, findings: Findings
) -> Mapping[str, str] | None:
    """What an entry is repeated for: each name with its description."""
    if len(for_each.model_fields_set) != 1:
        reason = "for_each needs exactly one key"
        findings.error(file, f"{key}.for_each", reason=reason, fix="Keep one of its keys, and repeat the entry")
        return None
    if for_each.blocks:
        return {name: _heading(path, findings) for name, path in library.blocks.items()}
    if for_each.skill_categories:
        return {category: listed(skills) for category, skills in library.skills.items()}
    if for_each.mcp_servers:
        return {name: server.description for name, server in library.mcp_servers.items()}
    levels = for_each.agents or ()
    return {
        name: str(front_matter(path, findings).get("description", ""))
        for level in levels
        for name, path in library.agents.get(level, {}).items()
    }


def _heading(block: Path, findings: Findings) -> str:
    text = read_text(block, findings, fix="Create it") or ""
    return next((line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#")), block.stem)


def _filled(entry: SubtestFormat, id_number: int, item: str, about: str) -> SubtestFormat:
    def fill(value: object) -> object:
        if isinstance(value, str):
            return value.replace("{item}", item).replace("{about}", about)
        if isinstance(value, list):
            return [fill(part) for part in value]
        if isinstance(value, dict):
            return {name: fill(part) for name, part in value.items()}
        return value

    given = entry.model_dump(exclude_unset=True, exclude={"for_each", "ids"})
    filled = {name: fill(value) for name, value in given.items()}
    return SubtestFormat.model_validate({**filled, "id": f"{id_number:02d}"})


def _check(made: Subtest, others: list[Subtest], key: str, file: Path, findings: Findings) -> None:
    for other in others:
        if other.id == made.id:
            reason = f"the id {quoted(made.id)} is already used"
            findings.error(file, f"{key}.id", reason=reason, fix="Give every subtest its own id")
        elif other.setup == made.setup and other.inherits == made.inherits:
            reason = f"the set-up is the same as that of {other.label}: it would measure nothing"
            findings.error(file, key, reason=reason, fix="Change the set-up or remove the subtest")
    for tier_id in made.inherits:
        if tier_id >= made.tier:
            reason = f"a subtest of {made.tier} cannot take the winner of {tier_id}"
            findings.error(file, f"{key}.inherit_best_from", reason=reason, fix="Name earlier tiers")
