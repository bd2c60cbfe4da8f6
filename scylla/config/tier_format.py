"""The formats of a folder of tiers: tier.yaml, and the lists of its library."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from scylla.config.strict import Id, InnerPath, NonEmpty, Strict, TwoDigits

Level = Literal["L0", "L1", "L2", "L3", "L4", "L5"]
Inherited = Literal["T0", "T1", "T2", "T3", "T4"]
All = Literal["all"]


def _branch(value: object) -> str:
    return "<all>" if isinstance(value, str) else "<names>"


AllOrNames = Annotated[Annotated[All, Tag("<all>")] | Annotated[list[NonEmpty], Tag("<names>")], Discriminator(_branch)]
"""The word `all`, or a list of names."""


class ClaudeMdFormat(Strict):
    """The CLAUDE.md laid over the workspace: blocks, then the text of a file."""

    blocks: AllOrNames = Field(default_factory=list, description="library/blocks/<id>.md, joined in this order")
    file: InnerPath | None = Field(default=None, description="a text of this tier's folder")


class SkillsFormat(Strict):
    """Skills from library/skills/<category>/<name>."""

    categories: AllOrNames = Field(default_factory=list)
    names: list[NonEmpty] = Field(default_factory=list)


class AgentsFormat(Strict):
    """Sub-agents from library/agents/<level>/<name>.md."""

    levels: list[Level] = Field(default_factory=list)
    names: list[NonEmpty] = Field(default_factory=list)


class ForEachFormat(Strict):
    """What an entry is repeated for; exactly one key."""

    blocks: All | None = None
    skill_categories: All | None = None
    agents: list[Level] | None = Field(default=None, description="the sub-agents of these levels")
    mcp_servers: All | None = None


class SubtestFormat(Strict):
    """One set-up; with `for_each` one for each entry of the library.

    In the texts of an entry with `for_each`, `{item}` stands for the name and `{about}` for its description.
    """

    id: TwoDigits | None = None
    ids: Annotated[str, Field(pattern=r"^[0-9]{2}\.\.[0-9]{2}$")] | None = Field(
        default=None, description='with for_each: the ids it makes, for example "06..23"'
    )
    for_each: ForEachFormat | None = None
    name: NonEmpty
    description: str = ""
    system_prompt: Literal["none", "default", "custom", "appended"] = "default"
    system_prompt_text: NonEmpty | None = Field(default=None, description="with `custom` and `appended`")
    system_prompt_file: InnerPath | None = Field(default=None, description="with `custom` and `appended`")
    system_prompt_block: NonEmpty | None = Field(default=None, description="with `custom` and `appended`")
    claude_md: ClaudeMdFormat | None = None
    skills: SkillsFormat | None = None
    agents: AgentsFormat | None = None
    main_agent: NonEmpty | None = Field(default=None, description="the sub-agent that leads the session")
    agent_teams: bool = Field(default=False, description="sub-agents have names and write to each other")
    tools: AllOrNames | None = Field(
        default=None, description="sets of library/tools.yaml and names of tools; the CLI's own choice without it"
    )
    mcp_servers: AllOrNames = Field(default_factory=list, description="of library/mcp_servers.yaml")
    plugins: AllOrNames = Field(default_factory=list, description="folders of library/plugins")
    setup: InnerPath | None = Field(default=None, description="a folder with CLAUDE.md, skills, agents, settings …")
    inherit_best_from: list[Inherited] = Field(default_factory=list, description="tiers whose winners it takes")


class TierFormat(Strict):
    """tier.yaml."""

    schema_version: Literal[1] = 1
    name: NonEmpty
    description: str = ""
    subtests: Annotated[list[SubtestFormat], Field(min_length=1)]


class McpServerFormat(Strict):
    """How the agent CLI starts a server. `{workspace}`, `{home}`, `{temp}` and `{servers}` stand for folders."""

    description: NonEmpty
    command: NonEmpty
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)
    needs: str = Field(default="", description="what it is of no use without, for example a network")


class McpServersFormat(Strict):
    """library/mcp_servers.yaml."""

    schema_version: Literal[1] = 1
    servers: dict[Id, McpServerFormat]


class ToolsFormat(Strict):
    """library/tools.yaml: sets of the CLI's built-in tools."""

    schema_version: Literal[1] = 1
    sets: dict[Id, Annotated[list[NonEmpty], Field(min_length=1)]]
