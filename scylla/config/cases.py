"""Case folders → cases, with every problem of all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scylla.config.case_files import find_hidden, find_reference
from scylla.config.case_format import CaseFormat, LimitsFormat, SourceFormat
from scylla.config.digest import digest_case, digest_hidden, digest_source
from scylla.config.findings import Findings, quoted, shown
from scylla.config.rubric import load_rubric
from scylla.config.scenario import read_scenario
from scylla.config.source import check_hidden, locate_source
from scylla.config.strict import validate
from scylla.config.yaml_file import read_text, read_yaml
from scylla.domain.case import DEFAULT_PROTECT, Case, Source
from scylla.domain.problem import Problem
from scylla.domain.rubric import Rubric
from scylla.domain.scenario import Scenario

CASE_FILE = "test.yaml"
LIMITS_FILE = "config.yaml"
OFFLINE_FILE = "offline.yaml"
DEFAULT_TIMEOUT_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """The cases without errors, in the order given, and the problems of all."""

    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]


def load_cases(paths: Sequence[Path]) -> Loaded:
    """The cases of all folders. Never raises for what is in them; a folder named twice is read once."""
    findings = Findings()
    folders = {os.path.realpath(folder): folder for path in paths for folder in _case_folders(path, findings)}
    cases: list[Case] = []
    for folder in folders.values():
        case = _load_case(folder, findings)
        if case is not None and _is_new_id(case, cases, findings):
            cases.append(case)
    return Loaded(cases=tuple(cases), problems=findings.problems)


def _case_folders(path: Path, findings: Findings) -> Iterator[Path]:
    path = Path(os.path.abspath(path))  # noqa: PTH100 - as in findings.shown
    try:
        if (path / CASE_FILE).exists():
            yield path
            return
        children = sorted(child for child in path.iterdir() if not child.name.startswith("."))
        folders = [child for child in children if child.is_dir()]
        cases = [folder for folder in folders if (folder / CASE_FILE).exists()]
    except FileNotFoundError:
        findings.error(path, "", reason="the folder does not exist", fix="Correct the path")
        return
    except NotADirectoryError:
        fix = f"Name the folder instead: {shown(path.parent)}"
        findings.error(path, "", reason="is a file, not a case folder", fix=fix)
        return
    except (OSError, ValueError) as error:
        findings.error(path, "", reason=f"cannot be read ({error})", fix="Check the path and its permissions")
        return
    if not cases:
        reason = f"is no case: there is neither a {CASE_FILE} in it nor a folder with one"
        findings.error(path, "", reason=reason, fix=f"Name a folder that holds a {CASE_FILE}, or write one")
    for folder in folders:
        if folder not in cases and cases and (folder / "prompt.md").exists():
            reason = f"looks like a case but has no {CASE_FILE}, so that it is left out"
            findings.warning(folder, "", reason=reason, fix=f"Write its {CASE_FILE}")
    yield from cases


def _is_new_id(case: Case, others: Sequence[Case], findings: Findings) -> bool:
    for other in others:
        # Ids become folder names, and some file systems do not tell 'A' from 'a'.
        if other.id.lower() == case.id.lower():
            reason = f"the id {quoted(case.id)} is already used by {shown(other.folder / CASE_FILE)}"
            findings.error(case.folder / CASE_FILE, "id", reason=reason, fix="Give every case its own id")
            return False
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class _Names:
    """The files that a test.yaml names, as far as it names them well."""

    prompt: str | None
    criteria: str | None
    rubric: str | None
    hidden: str | None
    reference: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """Everything a case is made of, free of errors."""

    case: CaseFormat
    limits: LimitsFormat
    scenario: Scenario | None
    prompt: str
    criteria: str
    rubric: Rubric
    source: Source
    hidden: Path | None
    reference: Path | None


def _load_case(folder: Path, findings: Findings) -> Case | None:
    """The case, or None and at least one error. Every file is read, even when test.yaml has errors."""
    file = folder / CASE_FILE
    errors_before = findings.error_count
    content = read_yaml(file, findings, fix="Create it")
    case = validate(CaseFormat, content, file, findings)
    limits = _read_limits(folder, findings)
    scenario = _read_offline(folder, findings)
    names = _file_names(content)
    prompt = _read_prompt(folder, names, findings)
    criteria = _read_criteria(folder, names, findings)
    rubric = None if names.rubric is None else load_rubric(folder / names.rubric, findings)
    source = _read_source(content, folder, findings)
    hidden = find_hidden(names.hidden, folder, file, findings)
    reference = find_reference(names.reference, folder, file, findings)
    if source is not None:
        secret = (names.rubric, names.criteria, names.hidden, names.reference)
        grading = [folder / name for name in secret if name is not None]
        check_hidden(source, [file, *grading], file, findings)
    if findings.error_count > errors_before or case is None or prompt is None or rubric is None or source is None:
        return None
    parts = _Parts(
        case=case,
        limits=limits,
        scenario=scenario,
        prompt=prompt,
        criteria=criteria,
        rubric=rubric,
        source=source,
        hidden=hidden,
        reference=reference,
    )
    return _make_case(parts, folder, findings)


def _read_limits(folder: Path, findings: Findings) -> LimitsFormat:
    path = folder / LIMITS_FILE
    if not path.exists():
        return LimitsFormat()
    return validate(LimitsFormat, read_yaml(path, findings, fix="Create it"), path, findings) or LimitsFormat()


def _read_offline(folder: Path, findings: Findings) -> Scenario | None:
    path = folder / OFFLINE_FILE
    return read_scenario(path, findings) if path.exists() else None


def _file_names(content: object) -> _Names:
    """The names in a test.yaml that may have errors elsewhere; None for what is not there or not usable."""
    return _Names(
        prompt=_name(content, "task", "prompt_file", default="prompt.md"),
        criteria=_name(content, "validation", "criteria_file", default=None),
        rubric=_name(content, "validation", "rubric_file", default="expected/rubric.yaml"),
        hidden=_name(content, "validation", "hidden", default=None),
        reference=_inner_path(content.get("reference")) if isinstance(content, dict) else None,
    )


def _name(content: object, section: str, key: str, *, default: str | None) -> str | None:
    if not isinstance(content, dict):
        return None
    part = content.get(section, {})
    return _inner_path(part.get(key, default) if isinstance(part, dict) else default)


def _inner_path(name: object) -> str | None:
    if not isinstance(name, str) or not name or name.startswith(("/", "~")) or ".." in name.split("/"):
        return None
    return None if any(ord(character) < 32 for character in name) else name


def _escapes(folder: Path, name: str, key: str, findings: Findings) -> bool:
    root, real = os.path.realpath(folder), os.path.realpath(folder / name)
    if real.startswith(root.rstrip(os.sep) + os.sep):
        return False
    reason = f"{quoted(name)} leads outside the case folder, to {real}"
    findings.error(folder / CASE_FILE, key, reason=reason, fix="Put the file itself into the case folder")
    return True


def _read_prompt(folder: Path, names: _Names, findings: Findings) -> str | None:
    if names.prompt is None or _escapes(folder, names.prompt, "task.prompt_file", findings):
        return None
    path = folder / names.prompt
    fix = "Create it, or correct 'task.prompt_file' in test.yaml"
    text = read_text(path, findings, fix=fix, too_long="Shorten it: no model takes so long a prompt")
    if text is not None and not text.strip():
        findings.error(path, "", reason="the prompt is empty", fix="Write what the agent is to do")
        return None
    return text


def _read_criteria(folder: Path, names: _Names, findings: Findings) -> str:
    if names.criteria is None or _escapes(folder, names.criteria, "validation.criteria_file", findings):
        return ""
    path = folder / names.criteria
    if not os.path.lexists(path):
        reason = "the criteria file does not exist; judges see the rubric alone"
        findings.warning(path, "", reason=reason, fix="Create it, or remove 'validation.criteria_file' from test.yaml")
        return ""
    return read_text(path, findings, fix="Create it") or ""


def _read_source(content: object, folder: Path, findings: Findings) -> Source | None:
    """The source of a test.yaml that may have errors elsewhere; the errors of this part are already known."""
    part = content.get("source") if isinstance(content, dict) else None
    source = validate(SourceFormat, part, folder / CASE_FILE, Findings())
    return None if source is None else locate_source(source, folder, folder / CASE_FILE, findings)


def _make_case(parts: _Parts, folder: Path, findings: Findings) -> Case | None:
    case, limits = parts.case, parts.limits
    timeout_s = case.task.timeout_seconds or limits.timeout_seconds or DEFAULT_TIMEOUT_S
    key = f"source.{'path' if case.source.path else 'bundle'}"
    file = folder / CASE_FILE
    source_digest = digest_source(parts.source, key=key, file=file, findings=findings)
    hidden_digest = digest_hidden(parts.hidden, file=file, findings=findings)
    if source_digest is None or hidden_digest is None:
        return None
    protect = (*DEFAULT_PROTECT, *case.validation.protect)
    digest = digest_case(
        prompt=parts.prompt,
        criteria=parts.criteria,
        rubric=parts.rubric,
        source_digest=source_digest,
        timeout_s=timeout_s,
        max_cost_usd=limits.max_cost_usd,
        scenario=parts.scenario,
        hidden_digest=hidden_digest,
        protect=protect,
    )
    return Case(
        id=case.id,
        name=case.name.strip(),
        description=case.description.strip(),
        language=case.language,
        folder=folder,
        source=parts.source,
        prompt=parts.prompt,
        criteria=parts.criteria,
        rubric=parts.rubric,
        timeout_s=timeout_s,
        max_cost_usd=limits.max_cost_usd,
        tiers=tuple(dict.fromkeys(case.tiers)),
        tags=tuple(case.tags),
        offline_file=None if parts.scenario is None else folder / OFFLINE_FILE,
        digest=digest,
        hidden=parts.hidden,
        reference=parts.reference,
        requires=tuple(dict.fromkeys(case.validation.requires)),
        protect=protect,
    )
