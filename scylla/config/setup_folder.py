"""A person's own set-up: a folder with CLAUDE.md, skills, agents, settings or MCP servers → a set-up.

Two layouts are read: that of a project (`CLAUDE.md`, `.claude/skills`, `.mcp.json` …) and that of the CLI's own folder
(`CLAUDE.md`, `skills`, `settings.json` …). Nothing else in the folder is looked at: no login, history or memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from scylla.config.findings import Findings, quoted
from scylla.config.library import AGENTS_FOLDER, SKILL_FILE, SKILLS_FOLDER, files_below, front_matter, read_file
from scylla.config.yaml_file import read_text
from scylla.domain.tier import CLAUDE_MD, McpServer, OverlayFile, Setup

FOLDERS = ("skills", "agents", "commands", "hooks", "output-styles", "rules")
SETTINGS = ".claude/settings.json"
PLACES = (CLAUDE_MD, ".claude/CLAUDE.md", *FOLDERS, *(f".claude/{name}" for name in FOLDERS), "settings.json", SETTINGS)
MCP_FILES = (".mcp.json", "mcp.json")
CONFIGURATION = (*PLACES, *MCP_FILES)
"""What the paths of the files that are read begin with."""

_PROVIDER_PREFIXES = ("ANTHROPIC_", "CLAUDE_CODE_USE_", "CLAUDE_CODE_OAUTH", "AWS_", "HTTP_PROXY", "HTTPS_PROXY")
_PROVIDER_SETTINGS = ("apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "forceLoginMethod")


def load_setup_folder(folder: Path, findings: Findings, *, name: str = "") -> Setup:
    """The set-up of the folder; an error where it holds nothing that an agent could be given.

    `name` is what that error calls it when the folder is only a copy.
    """
    if not folder.is_dir():
        findings.error(folder, "", reason="there is no such folder", fix="Name a folder with CLAUDE.md, skills …")
        return Setup()
    overlay = tuple(_files(folder, findings))
    servers = tuple(_mcp_servers(folder, findings))
    if not overlay and not servers:
        reason = "it holds nothing that an agent could be given"
        fix = f"Put one of these into it: {', '.join((*PLACES, *MCP_FILES))}"
        findings.error(Path(name) if name else folder, "", reason=reason, fix=fix)
    for file in overlay:
        if file.path == SETTINGS:
            _check_settings(file, folder, findings)
    return Setup(
        overlay=overlay,
        skills=tuple(_skill_names(overlay)),
        agents=tuple(_agent_names(overlay, folder, findings)),
        mcp_servers=servers,
    )


def _files(folder: Path, findings: Findings) -> Iterator[OverlayFile]:
    for place in PLACES:
        path, target = (
            folder / place,
            place if place == CLAUDE_MD or place.startswith(".claude/") else f".claude/{place}",
        )
        if path.is_symlink() or path.is_file():
            if (file := read_file(path, target, findings)) is not None:
                yield file
        elif path.is_dir():
            yield from files_below(path, f"{target}/", findings)


def _skill_names(overlay: tuple[OverlayFile, ...]) -> Iterator[str]:
    """The names of the skills that the CLI's first event lists; it takes that of the folder.

    It offers others to the model too, but does not list those without a description or for the model alone.
    """
    for file in overlay:
        parts = file.path.removeprefix(f"{SKILLS_FOLDER}/").split("/")
        is_skill = file.path.startswith(f"{SKILLS_FOLDER}/") and len(parts) == 2 and parts[1] == SKILL_FILE
        if is_skill and _is_listed(_head(file.content)):
            yield parts[0]


def _is_listed(head: Mapping[str, object]) -> bool:
    return bool(head.get("description") or head.get("when_to_use")) and head.get("user-invocable") is not False


def _head(content: bytes) -> Mapping[str, object]:
    """What the block between two lines `---` says; nothing where there is none."""
    lines = content.decode(errors="replace").splitlines()
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None or lines[0].rstrip() != "---":
        return {}
    try:
        found = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _agent_names(overlay: tuple[OverlayFile, ...], folder: Path, findings: Findings) -> Iterator[str]:
    for file in overlay:
        if file.path.startswith(f"{AGENTS_FOLDER}/") and file.path.endswith(".md"):
            source = folder / file.path
            source = source if source.is_file() else folder / file.path.removeprefix(".claude/")
            text = read_text(source, findings, fix="Create it")
            if text is not None and text.startswith("---") and (name := front_matter(source, findings).get("name")):
                yield str(name)


def _mcp_servers(folder: Path, findings: Findings) -> Iterator[McpServer]:
    for name in MCP_FILES:
        path = folder / name
        if not path.is_file():
            continue
        servers = _json_object(path, findings).get("mcpServers")
        if not isinstance(servers, dict):
            findings.error(path, "mcpServers", reason="is missing or no object", fix='Write {"mcpServers": {…}}')
            return
        for server, definition in servers.items():
            if not isinstance(definition, dict) or not {"command", "url"} & definition.keys():
                reason = "has neither a command nor a url"
                findings.error(path, f"mcpServers.{server}", reason=reason, fix="Give one of them")
                continue
            yield McpServer(name=str(server), definition=json.dumps(definition, sort_keys=True))
        return


def _check_settings(file: OverlayFile, folder: Path, findings: Findings) -> None:
    """Settings that would lead the agent's requests past the gateway are refused: nothing would be metered."""
    path = next(path for path in (folder / file.path, folder / "settings.json") if path.is_file())
    settings = _json_object(path, findings)
    environment = settings.get("env")
    named = [name for name in _PROVIDER_SETTINGS if name in settings]
    if isinstance(environment, dict):
        named += [f"env.{name}" for name in environment if name.upper().startswith(_PROVIDER_PREFIXES)]
    for key in named:
        reason = "chooses another provider or login, so that nothing could be recorded or metered"
        findings.error(path, key, reason=reason, fix="Remove it from this copy of the settings")


def _json_object(path: Path, findings: Findings) -> Mapping[str, object]:
    text = read_text(path, findings, fix="Create it")
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        findings.error(path, "", reason=f"is no JSON ({error})", fix="Correct it")
        return {}
    if not isinstance(found, dict):
        findings.error(path, "", reason=f"must be an object, not {quoted(text)}", fix="Write {…}")
        return {}
    return found
