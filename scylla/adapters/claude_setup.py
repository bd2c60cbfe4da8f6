"""Claude Code: how a set-up reaches it, and what of it did."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from scylla.adapters.cli import CliRequest
from scylla.domain.record import CliReport
from scylla.domain.tier import McpServer, Setup, SystemPrompt

_MCP_WAIT_MS = "60000"
_SKILL_LIST_CHARACTERS = "200000"
_OLD_TOOL_NAMES = {"Task": "Agent"}
_ALWAYS_TOOLS = frozenset({"StructuredOutput", "ToolSearch"})
MCP_TOOLS = frozenset({"ListMcpResourcesTool", "ReadMcpResourceTool", "ReadMcpResourceDirTool", "WaitForMcpServers"})
"""Built-in tools that the CLI adds by itself for MCP servers which offer more than tools."""


def setup_arguments(request: CliRequest) -> list[str]:
    """The part of the command line that the set-up decides; its files lie in the workspace already."""
    setup = request.setup
    argv: list[str] = []
    if setup.system_prompt is SystemPrompt.APPENDED:
        argv += ["--append-system-prompt", setup.system_prompt_text]
    elif setup.system_prompt is not SystemPrompt.DEFAULT:
        argv += ["--system-prompt", setup.system_prompt_text]
    if setup.main_agent is not None:
        argv += ["--agent", setup.main_agent]
    if setup.tools is not None:
        argv += ["--tools", ",".join(setup.tools)]
    if setup.mcp_servers:
        argv += ["--mcp-config", str(_mcp_file(request))]
    for plugin in setup.plugins:
        argv += ["--plugin-dir", f"{request.plugins}/{plugin.name}"]
    return argv


def setup_files(request: CliRequest) -> tuple[tuple[Path, str], ...]:
    """What the command line refers to. Servers can hold logins, which every process could read in an argument."""
    servers = request.setup.mcp_servers
    return ((_mcp_file(request), _mcp_config(servers, request)),) if servers else ()


def _mcp_file(request: CliRequest) -> Path:
    return request.home / "servers.json"


def setup_environment(setup: Setup) -> Mapping[str, str]:
    """The variables that the set-up decides."""
    env: dict[str, str] = {}
    if setup.mcp_servers:
        # The first request waits for the servers' tools, however slow the machine.
        env |= {"MCP_TIMEOUT": _MCP_WAIT_MS, "MCP_CONNECT_TIMEOUT_MS": _MCP_WAIT_MS}
    if setup.skills or setup.plugins:
        # Otherwise the CLI leaves out the descriptions of skills as soon as there are many.
        env["SLASH_COMMAND_TOOL_CHAR_BUDGET"] = _SKILL_LIST_CHARACTERS
    if setup.agent_teams:
        env["CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS"] = "1"
    return env


def undelivered(setup: Setup, report: CliReport) -> tuple[str, ...]:
    """What the session's first event lacks of the set-up, or has beyond the tools that it allows."""
    if not report.tools:
        return ()
    states = dict(report.mcp_servers)
    faults = [
        f"MCP server {server.name} ({states.get(server.name, 'not started')})"
        for server in setup.mcp_servers
        if states.get(server.name) != "connected"
    ]
    faults += [f"skill {name}" for name in setup.skills if name not in report.skills]
    faults += [f"sub-agent {name}" for name in setup.agents if name not in report.agents]
    faults += [f"plug-in {plugin.name}" for plugin in setup.plugins if plugin.name not in report.plugins]
    if setup.tools is not None:
        built_in = {_OLD_TOOL_NAMES.get(tool, tool) for tool in report.tools if not tool.startswith("mcp__")}
        allowed = {*setup.tools, *_ALWAYS_TOOLS, *(MCP_TOOLS if setup.mcp_servers else ())}
        faults += [f"tool {tool} (not asked for)" for tool in sorted(built_in - allowed)]
    return tuple(faults)


def _mcp_config(servers: Iterable[McpServer], request: CliRequest) -> str:
    """The servers as the CLI's configuration, their tools loaded before the first request."""
    places = {
        "workspace": request.workspace,
        "home": request.home,
        "temp": request.temp,
        "servers": request.servers or "",
    }

    def fill(value: object) -> object:
        if isinstance(value, list):
            return [fill(entry) for entry in value]
        if isinstance(value, dict):
            return {name: fill(entry) for name, entry in value.items()}
        if isinstance(value, str):
            for name, path in places.items():
                value = value.replace(f"{{{name}}}", str(path))
        return value

    definitions = {}
    for server in servers:
        definition = {name: fill(value) for name, value in json.loads(server.definition).items()}
        definitions[server.name] = {"alwaysLoad": True, **definition}
    return json.dumps({"mcpServers": definitions}, separators=(",", ":"))
