"""Set-ups: what a subtest gives an agent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

TIER_IDS = ("T0", "T1", "T2", "T3", "T4", "T5", "T6")
OWN_TIER = "S"
"""The tier of set-ups that a person compares."""

CLAUDE_MD = "CLAUDE.md"


class SystemPrompt(str, Enum):
    """`NONE` sends an empty one, `DEFAULT` leaves the CLI's own, `CUSTOM` replaces it and `APPENDED` adds to it."""

    NONE = "none"
    DEFAULT = "default"
    CUSTOM = "custom"
    APPENDED = "appended"


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayFile:
    """A file given to the agent; `path` is relative, with forward slashes."""

    path: str
    content: bytes
    is_executable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class McpServer:
    """An MCP server that the agent CLI starts over standard input and output, or reaches by a URL.

    `definition` is the JSON object of the CLI's own configuration. In its texts `{workspace}`, `{home}` and `{temp}`
    stand for the agent's folders, and `{servers}` for the folder of the installed servers. `needs` says what it cannot
    be of use without (a network, a login); it is no part of the treatment.
    """

    name: str
    definition: str
    needs: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """A plug-in of the agent CLI: a folder of files."""

    name: str
    files: tuple[OverlayFile, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """What reaches the agent beside the task.

    `system_prompt_text` only with `CUSTOM` and `APPENDED`. `overlay` is laid over the workspace; `skills` and `agents`
    are the names by which the CLI offers what lies in it. `tools` None leaves the CLI's own choice of tools; a list
    holds its built-in ones, to which those of `mcp_servers` come. `main_agent` (one of `agents`) leads the session.
    """

    system_prompt: SystemPrompt = SystemPrompt.DEFAULT
    system_prompt_text: str = ""
    overlay: tuple[OverlayFile, ...] = ()
    skills: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    main_agent: str | None = None
    agent_teams: bool = False
    tools: tuple[str, ...] | None = None
    mcp_servers: tuple[McpServer, ...] = ()
    plugins: tuple[Plugin, ...] = ()

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the whole set-up; equal exactly when the treatments are."""
        parts = {
            "digest_version": 2,
            "system_prompt": self.system_prompt.value,
            "system_prompt_text": self.system_prompt_text,
            "overlay": _file_digests(self.overlay),
            "main_agent": self.main_agent,
            "agent_teams": self.agent_teams,
            "tools": self.tools,
            "mcp_servers": [(server.name, server.definition) for server in self.mcp_servers],
            "plugins": [(plugin.name, _file_digests(plugin.files)) for plugin in self.plugins],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def file_paths(self) -> tuple[str, ...]:
        """The paths of the files laid over the workspace."""
        return tuple(file.path for file in self.overlay)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subtest:
    """One set-up of a tier. `id` has two digits; `label` is `T0/03`.

    `inherits` names the tiers whose winners it takes; `setup` is then only what it adds to them.
    """

    tier: str
    id: str
    name: str
    description: str
    setup: Setup
    inherits: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`<tier>/<id>`, the way people name a subtest."""
        return f"{self.tier}/{self.id}"

    def resolved(self, winners: Mapping[str, Setup]) -> Setup:
        """The whole set-up once the winner of each tier it inherits from is known; KeyError when one is missing."""
        return merged([*(winners[tier] for tier in self.inherits), self.setup]) if self.inherits else self.setup


def merged(setups: list[Setup]) -> Setup:
    """Everything the set-ups give, in their order.

    CLAUDE.md files are joined. Of other files with one path, MCP servers and plug-ins with one name, system prompts and
    main agents, the last one counts; texts that are appended to the system prompt are joined. A choice of tools counts
    for all: the tools that any of them chooses, with what sub-agents and skills are reached through.
    """
    whole = Setup()
    for setup in setups:
        whole = _with(whole, setup)
    return _led(with_reachable(whole))


def _led(setup: Setup) -> Setup:
    """The set-up, where a main agent leads, with a system prompt that leaves the agent its own instructions.

    The CLI takes a system prompt in place of them; a text is therefore added to them, and they replace an empty one.
    """
    if setup.main_agent is None or setup.system_prompt in (SystemPrompt.DEFAULT, SystemPrompt.APPENDED):
        return setup
    added = setup.system_prompt is SystemPrompt.CUSTOM
    return replace(setup, system_prompt=SystemPrompt.APPENDED if added else SystemPrompt.DEFAULT)


def with_reachable(setup: Setup) -> Setup:
    """The set-up, where it limits the tools, with those through which its sub-agents and skills are reached."""
    if setup.tools is None:
        return setup
    needed = (*(("Agent",) if setup.agents else ()), *(("Skill",) if setup.skills or setup.plugins else ()))
    return replace(setup, tools=(*setup.tools, *(tool for tool in needed if tool not in setup.tools)))


def _with(whole: Setup, added: Setup) -> Setup:
    prompt, text = whole.system_prompt, whole.system_prompt_text
    if added.system_prompt is SystemPrompt.APPENDED and prompt is SystemPrompt.APPENDED:
        text = f"{text}\n\n{added.system_prompt_text}"
    elif added.system_prompt is not SystemPrompt.DEFAULT:
        prompt, text = added.system_prompt, added.system_prompt_text
    tools = whole.tools
    if added.tools is not None:
        tools = tuple(dict.fromkeys((*(tools or ()), *added.tools)))
    return Setup(
        system_prompt=prompt,
        system_prompt_text=text,
        overlay=_joined(whole.overlay, added.overlay),
        skills=tuple(dict.fromkeys((*whole.skills, *added.skills))),
        agents=tuple(dict.fromkeys((*whole.agents, *added.agents))),
        main_agent=added.main_agent or whole.main_agent,
        agent_teams=whole.agent_teams or added.agent_teams,
        tools=tools,
        mcp_servers=tuple({server.name: server for server in (*whole.mcp_servers, *added.mcp_servers)}.values()),
        plugins=tuple({plugin.name: plugin for plugin in (*whole.plugins, *added.plugins)}.values()),
    )


def _joined(files: tuple[OverlayFile, ...], added: tuple[OverlayFile, ...]) -> tuple[OverlayFile, ...]:
    by_path = {file.path: file for file in files}
    for file in added:
        if file.path == CLAUDE_MD and file.path in by_path:
            content = by_path[file.path].content.rstrip() + b"\n\n" + file.content
            by_path[file.path] = replace(file, content=content)
        else:
            by_path[file.path] = file
    return tuple(by_path.values())


def _file_digests(files: tuple[OverlayFile, ...]) -> list[tuple[str, str, bool]]:
    return sorted((file.path, hashlib.sha256(file.content).hexdigest(), file.is_executable) for file in files)
