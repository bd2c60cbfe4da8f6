"""`scylla tiers`: the tiers, the subtests of one, and all that a subtest gives an agent."""

from __future__ import annotations

import argparse
import json
import sys

from rich.console import Console
from rich.table import Table

from scylla.cli.console import open_console, plain
from scylla.cli.output import print_json, say, stop_on_errors
from scylla.config.tiers import LoadedTier, available_tiers, load_tier
from scylla.domain.tier import OverlayFile, Setup, Subtest, SystemPrompt
from scylla.errors import EXIT_OK, UsageError

_SYSTEM_PROMPTS = {
    SystemPrompt.NONE: "empty system prompt",
    SystemPrompt.CUSTOM: "system prompt of its own",
    SystemPrompt.APPENDED: "text added to the system prompt",
}


def execute(arguments: argparse.Namespace) -> int:
    """List the tiers; the subtests of the one that was named; or the subtest that was named in full."""
    wanted, _, subtest_id = (arguments.what or "").upper().partition("/")
    tiers = [_load(tier_id, arguments) for tier_id in _chosen(wanted, arguments)]
    subtests = [
        subtest for tier in tiers for subtest in tier.subtests if not subtest_id or subtest.id == subtest_id.zfill(2)
    ]
    if not subtests:
        raise UsageError(f"there is no subtest {arguments.what}", fix=f"list those of the tier: scylla tiers {wanted}")
    if arguments.json:
        print_json([_document(subtest) for subtest in subtests])
    elif not wanted:
        open_console(sys.stdout).print(_tiers_table(tiers))
        say("The subtests of one: scylla tiers T3. What a subtest gives an agent, in full: scylla tiers T3/05")
    elif not subtest_id:
        open_console(sys.stdout).print(_subtests_table(tiers[0]))
        say(f"What a subtest gives an agent, in full: scylla tiers {subtests[0].label}")
    else:
        _show(subtests[0], open_console(sys.stdout))
    return EXIT_OK


def given(setup: Setup) -> str:
    """What the set-up gives an agent, in a few words."""
    parts = [_SYSTEM_PROMPTS[setup.system_prompt]] if setup.system_prompt in _SYSTEM_PROMPTS else []
    parts += [path for path in setup.file_paths if "/" not in path]
    parts += [
        f"{len(names)} {word}" for names, word in ((setup.skills, "skills"), (setup.agents, "sub-agents")) if names
    ]
    if setup.main_agent:
        parts.append(f"led by {setup.main_agent}" + (" with teams" if setup.agent_teams else ""))
    if setup.tools is not None:
        parts.append(f"{len(setup.tools)} built-in tools" if setup.tools else "no tools")
    parts += [f"MCP {server.name}" for server in setup.mcp_servers] if len(setup.mcp_servers) < 3 else []
    parts += [f"{len(setup.mcp_servers)} MCP servers"] if len(setup.mcp_servers) > 2 else []
    parts += [f"plug-in {plugin.name}" for plugin in setup.plugins]
    parts += [f"{len(setup.overlay)} files"] if setup.overlay and not parts else []
    return ", ".join(parts) or "the CLI as it comes"


def _chosen(wanted: str, arguments: argparse.Namespace) -> tuple[str, ...]:
    known = available_tiers(arguments.tiers_from)
    if not known:
        raise UsageError(
            f"{arguments.tiers_from} holds no tiers", fix="name a folder that holds t0/tier.yaml or the like"
        )
    if wanted and wanted not in known:
        raise UsageError(f"there is no tier {wanted}", fix=f"there are: {', '.join(known)}")
    return (wanted,) if wanted else known


def _load(tier_id: str, arguments: argparse.Namespace) -> LoadedTier:
    tier = load_tier(tier_id, arguments.tiers_from)
    stop_on_errors(tier.problems)
    return tier


def _tiers_table(tiers: list[LoadedTier]) -> Table:
    table = Table(
        "tier", "name", "subtests", "what it is about", caption=f"{sum(len(t.subtests) for t in tiers)} subtests"
    )
    for tier in tiers:
        table.add_row(tier.id, plain(tier.name), str(len(tier.subtests)), plain(" ".join(tier.description.split())))
    return table


def _subtests_table(tier: LoadedTier) -> Table:
    table = Table("subtest", "name", "what the agent gets", "what it is for", title=plain(f"{tier.id} {tier.name}"))
    for subtest in tier.subtests:
        inherited = "".join(f"winner of {tier_id}, " for tier_id in subtest.inherits)
        table.add_row(
            subtest.label, plain(subtest.name), plain(inherited + given(subtest.setup)), plain(subtest.description)
        )
    return table


def _show(subtest: Subtest, console: Console) -> None:
    """Everything that reaches the agent, file by file."""
    setup = subtest.setup
    rows = Table.grid(padding=(0, 2))
    rows.add_row("name", plain(subtest.name))
    rows.add_row("what for", plain(subtest.description))
    if subtest.inherits:
        rows.add_row("takes", ", ".join(f"the winner of {tier}" for tier in subtest.inherits) + ", and what follows")
    rows.add_row("system prompt", setup.system_prompt.value)
    rows.add_row("tools", "the CLI's own choice" if setup.tools is None else ", ".join(setup.tools))
    for server in setup.mcp_servers:
        rows.add_row("MCP server", plain(server.name + (f" (needs {server.needs})" if server.needs else "")))
    for name, values in (("skills", setup.skills), ("sub-agents", setup.agents)):
        if values:
            rows.add_row(name, plain(", ".join(values)))
    if setup.main_agent:
        rows.add_row("led by", plain(setup.main_agent))
    if setup.agent_teams:
        rows.add_row("agent teams", "yes")
    console.rule(plain(subtest.label), align="left")
    console.print(rows)
    for title, text in _texts(setup).items():
        console.rule(plain(title), align="left")
        console.print(plain(text.rstrip()), soft_wrap=True)


def _texts(setup: Setup) -> dict[str, str]:
    """Every text that reaches the agent, by its place."""
    texts = {"system prompt": setup.system_prompt_text} if setup.system_prompt_text else {}
    texts |= {file.path: _text(file) for file in setup.overlay}
    for server in setup.mcp_servers:
        texts[f"MCP server {server.name}"] = json.dumps(json.loads(server.definition), indent=2)
    for plugin in setup.plugins:
        texts |= {f"plug-in {plugin.name}: {file.path}": _text(file) for file in plugin.files}
    return texts


def _text(file: OverlayFile) -> str:
    try:
        return file.content.decode()
    except UnicodeDecodeError:
        return f"({len(file.content)} bytes that are no text)"


def _document(subtest: Subtest) -> dict[str, object]:
    setup = subtest.setup
    return {
        "subtest": subtest.label,
        "name": subtest.name,
        "description": subtest.description,
        "inherits": list(subtest.inherits),
        "system_prompt": setup.system_prompt.value,
        "system_prompt_text": setup.system_prompt_text,
        "files": {file.path: _text(file) for file in setup.overlay},
        "skills": list(setup.skills),
        "agents": list(setup.agents),
        "main_agent": setup.main_agent,
        "agent_teams": setup.agent_teams,
        "tools": None if setup.tools is None else list(setup.tools),
        "mcp_servers": {server.name: json.loads(server.definition) for server in setup.mcp_servers},
        "needs": {server.name: server.needs for server in setup.mcp_servers if server.needs},
        "plugins": {plugin.name: {file.path: _text(file) for file in plugin.files} for plugin in setup.plugins},
        "digest": setup.digest,
    }
