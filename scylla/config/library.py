"""The library of a folder of tiers: blocks, skills, sub-agents, MCP servers, tool sets and plug-ins by name."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from scylla.config.findings import Findings, quoted
from scylla.config.strict import Model, validate
from scylla.config.tier_format import McpServerFormat, McpServersFormat, ToolsFormat
from scylla.config.yaml_file import MAX_FILE_BYTES, read_text, read_yaml
from scylla.domain.tier import McpServer, OverlayFile, Plugin

LIBRARY = "library"
SKILL_FILE = "SKILL.md"
AGENTS_FOLDER = ".claude/agents"
SKILLS_FOLDER = ".claude/skills"


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """What a subtest can name. `skills` are by category and name, `agents` by level and name, in their order."""

    blocks: Mapping[str, Path]
    skills: Mapping[str, Mapping[str, Path]]
    agents: Mapping[str, Mapping[str, Path]]
    mcp_servers: Mapping[str, McpServerFormat]
    tool_sets: Mapping[str, Sequence[str]]
    plugins: Mapping[str, Path]

    @property
    def skill_folders(self) -> Mapping[str, Path]:
        """The folder of each skill of any category, by name."""
        return {name: path for skills in self.skills.values() for name, path in skills.items()}

    @property
    def agent_files(self) -> Mapping[str, Path]:
        """The file of each sub-agent of any level, by name."""
        return {name: path for agents in self.agents.values() for name, path in agents.items()}

    @property
    def all_tools(self) -> tuple[str, ...]:
        """Every tool that any set names."""
        return tuple(dict.fromkeys(tool for tools in self.tool_sets.values() for tool in tools))


def read_library(roots: Sequence[Path], findings: Findings) -> Library:
    """The libraries of several folders of tiers as one; of entries with one name the last folder's counts."""
    servers: dict[str, McpServerFormat] = {}
    tool_sets: dict[str, Sequence[str]] = {}
    for root in roots:
        if listed := _read_list(root / LIBRARY / "mcp_servers.yaml", McpServersFormat, findings):
            servers.update(listed.servers)
        if sets := _read_list(root / LIBRARY / "tools.yaml", ToolsFormat, findings):
            tool_sets.update(sets.sets)
    return Library(
        blocks=_entries(roots, "blocks", _markdown),
        skills=_two_levels(roots, "skills", _skill_folder),
        agents=_two_levels(roots, "agents", _markdown),
        mcp_servers=servers,
        tool_sets=tool_sets,
        plugins=_entries(roots, "plugins", _plugin_folder),
    )


def mcp_server(name: str, given: McpServerFormat) -> McpServer:
    """The server as the agent CLI's configuration describes it."""
    definition: dict[str, object] = {"command": given.command, "args": given.args}
    if given.env:
        definition["env"] = given.env
    return McpServer(name=name, definition=json.dumps(definition, sort_keys=True), needs=given.needs)


def plugin(name: str, folder: Path, findings: Findings) -> Plugin:
    """The plug-in with all its files."""
    return Plugin(name=name, files=files_below(folder, "", findings))


def files_below(folder: Path, prefix: str, findings: Findings) -> tuple[OverlayFile, ...]:
    """Every file below the folder, under `prefix`; links, special and very large files are errors."""
    files: list[OverlayFile] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in {".git", "__pycache__"})
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in sorted((*names, *links)):
            path = Path(parent) / name
            target = f"{prefix}{path.relative_to(folder).as_posix()}"
            if (file := read_file(path, target, findings)) is not None:
                files.append(file)
    return tuple(files)


def read_file(path: Path, target: str, findings: Findings) -> OverlayFile | None:
    """The file as it is laid over a workspace at `target`, or None and an error."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            findings.error(path, "", reason="is no regular file", fix="Put a copy in its place, or remove it")
            return None
        if status.st_size > MAX_FILE_BYTES:
            findings.error(path, "", reason="is larger than 1 MiB", fix="Make it smaller")
            return None
        content = path.read_bytes()
    except OSError as error:
        findings.error(path, "", reason=f"cannot be read ({error.strerror})", fix="Check its permissions")
        return None
    return OverlayFile(path=target, content=content, is_executable=bool(status.st_mode & stat.S_IXUSR))


def front_matter(path: Path, findings: Findings) -> Mapping[str, object]:
    """The YAML between the two `---` lines at the head of a file of the agent CLI, with `name` and `description`.

    An error and nothing where the CLI would not take it.
    """
    text = read_text(path, findings, fix="Create it")
    if text is None:
        return {}
    lines = text.splitlines()
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if not lines or lines[0].rstrip() != "---" or end is None:
        findings.error(path, "", reason="does not begin with a block between two lines `---`", fix="Write it first")
        return {}
    try:
        found = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        findings.error(path, "", reason=f"the block between the lines `---` is no YAML ({error})", fix="Correct it")
        return {}
    known: dict[str, object] = found if isinstance(found, dict) else {}
    for key in ("name", "description"):
        if not isinstance(known.get(key), str) or not str(known[key]).strip():
            findings.error(path, key, reason=f"'{key}' is missing or empty", fix=f"Write '{key}: …' at its head")
            return {}
    return known


def offered_name(path: Path, expected: str, findings: Findings) -> str:
    """The name under which the CLI offers the skill or sub-agent of the file; an error when it is not `expected`."""
    found = front_matter(path, findings).get("name")
    if found is not None and found != expected:
        reason = f"its name is {quoted(found)}, but the library knows it as {quoted(expected)}"
        findings.error(path, "name", reason=reason, fix="Give file and name the same word")
    return expected


def _read_list(path: Path, model: type[Model], findings: Findings) -> Model | None:
    return validate(model, read_yaml(path, findings, fix="Create it"), path, findings) if path.is_file() else None


def _entries(roots: Sequence[Path], kind: str, of: Callable[[Path], Mapping[str, Path]]) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for root in roots:
        found.update(of(root / LIBRARY / kind))
    return dict(sorted(found.items()))


def _two_levels(
    roots: Sequence[Path], kind: str, of: Callable[[Path], Mapping[str, Path]]
) -> Mapping[str, Mapping[str, Path]]:
    found: dict[str, dict[str, Path]] = {}
    for root in roots:
        for group in sorted((root / LIBRARY / kind).glob("*/")):
            found.setdefault(group.name, {}).update(of(group))
    return {group: dict(sorted(found[group].items())) for group in sorted(found)}


def _markdown(folder: Path) -> Mapping[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.md"))}


def _skill_folder(folder: Path) -> Mapping[str, Path]:
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{SKILL_FILE}"))}


def _plugin_folder(folder: Path) -> Mapping[str, Path]:
    return {path.parent.parent.name: path.parent.parent for path in sorted(folder.glob("*/.claude-plugin/plugin.json"))}
