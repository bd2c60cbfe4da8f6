"""One entry of tier.yaml → a set-up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scylla.config.findings import Findings, quoted, suggest
from scylla.config.library import (
    AGENTS_FOLDER,
    SKILL_FILE,
    SKILLS_FOLDER,
    Library,
    files_below,
    mcp_server,
    offered_name,
    plugin,
    read_file,
)
from scylla.config.setup_folder import load_setup_folder
from scylla.config.tier_format import AgentsFormat, ClaudeMdFormat, SkillsFormat, SubtestFormat
from scylla.config.yaml_file import read_text
from scylla.domain.tier import CLAUDE_MD, OverlayFile, Setup, SystemPrompt, merged

T = TypeVar("T")

_TEXT_KEYS = ("system_prompt_text", "system_prompt_file", "system_prompt_block")
_REACHED_THROUGH = {"agents": "Agent", "skills": "Skill", "plugins": "Skill"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TierFolder:
    """A tier's folder, and what its subtests can name."""

    path: Path
    library: Library

    @property
    def blocks(self) -> Mapping[str, Path]:
        """The library's blocks and the tier's own."""
        own = {path.stem: path for path in sorted((self.path / "blocks").glob("*.md"))}
        return {**self.library.blocks, **own}


def build_setup(subtest: SubtestFormat, key: str, file: Path, folder: TierFolder, findings: Findings) -> Setup:
    """The set-up of an entry; what cannot be found or used is an error at its key."""
    building = _Building(subtest=subtest, key=key, file=file, folder=folder, findings=findings)
    setup = building.setup()
    building.check(setup)
    return setup


@dataclass(frozen=True, kw_only=True, slots=True)
class _Building:
    subtest: SubtestFormat
    key: str
    file: Path
    folder: TierFolder
    findings: Findings

    def setup(self) -> Setup:
        subtest, library = self.subtest, self.folder.library
        skills, agents = self._skills(subtest.skills), self._agents(subtest.agents)
        own = Setup(
            system_prompt=SystemPrompt(subtest.system_prompt),
            system_prompt_text=self._system_prompt_text(),
            overlay=(
                *self._claude_md(subtest.claude_md),
                *(file for folder in skills.values() for file in self._skill_files(folder)),
                *(file for path in agents.values() if (file := self._agent_file(path)) is not None),
            ),
            skills=tuple(skills),
            agents=tuple(agents),
            main_agent=subtest.main_agent,
            agent_teams=subtest.agent_teams,
            tools=self._tools(),
            mcp_servers=tuple(
                mcp_server(name, server)
                for name, server in self._chosen("mcp_servers", subtest.mcp_servers, library.mcp_servers, "server")
            ),
            plugins=tuple(
                plugin(name, path, self.findings)
                for name, path in self._chosen("plugins", subtest.plugins, library.plugins, "plug-in")
            ),
        )
        if subtest.setup is None:
            return own
        return merged([load_setup_folder(self.folder.path / subtest.setup, self.findings), own])

    def check(self, setup: Setup) -> None:
        """Errors for what could never reach the agent."""
        if setup.main_agent is not None and setup.main_agent not in setup.agents:
            reason = f"{quoted(setup.main_agent)} is none of the sub-agents that the subtest gives"
            self._error("main_agent", reason, "Name it under 'agents' too")
        if setup.main_agent is not None and setup.system_prompt in (SystemPrompt.CUSTOM, SystemPrompt.NONE):
            reason = "a main agent has its own system prompt; the CLI would use only one of the two"
            self._error("system_prompt", reason, "Write 'system_prompt: appended', or leave out one of them")
        for given, tool in _REACHED_THROUGH.items():
            if getattr(setup, given) and setup.tools is not None and tool not in setup.tools:
                reason = f"{given} are given, but the tool {tool}, through which they are reached, is left out"
                self._error("tools", reason, f"Add {tool}")

    def _error(self, place: str, reason: str, fix: str) -> None:
        self.findings.error(self.file, f"{self.key}.{place}", reason=reason, fix=fix)

    def _chosen(
        self, place: str, names: str | Sequence[str], known: Mapping[str, T], what: str
    ) -> Iterator[tuple[str, T]]:
        """The entries that are named, or all; an error for each name that is not known."""
        for index, name in enumerate(known if isinstance(names, str) else names):
            if name in known:
                yield name, known[name]
            else:
                self._error(f"{place}[{index}]", f"there is no {what} {quoted(name)}", suggest(name, list(known)))

    def _system_prompt_text(self) -> str:
        subtest = self.subtest
        given = [name for name in _TEXT_KEYS if getattr(subtest, name) is not None]
        if subtest.system_prompt not in ("custom", "appended"):
            for name in given:
                reason = f"a text is given, but system_prompt is '{subtest.system_prompt}'"
                self._error(name, reason, "Write 'system_prompt: custom' or 'appended', or remove the text")
            return ""
        if len(given) != 1:
            reason = f"a {subtest.system_prompt} system prompt needs a text or a file" + (", not both" if given else "")
            self._error("system_prompt", reason, f"Give one of {', '.join(_TEXT_KEYS)}")
            return ""
        if subtest.system_prompt_text is not None:
            return subtest.system_prompt_text
        if subtest.system_prompt_file is not None:
            return self._text_of(self.folder.path / subtest.system_prompt_file, "system_prompt_file")
        blocks = self._chosen("system_prompt_block", [subtest.system_prompt_block or ""], self.folder.blocks, "block")
        return "".join(self._text_of(path, "system_prompt_block") for _, path in blocks)

    def _text_of(self, path: Path, place: str) -> str:
        text = read_text(path, self.findings, fix=f"Create it, or correct '{self.key}.{place}' in {self.file.name}")
        if text is not None and not text.strip():
            self.findings.error(path, "", reason="the text is empty", fix=f"Write it, or remove {self.key}.{place}")
        return (text or "").strip()

    def _claude_md(self, given: ClaudeMdFormat | None) -> Iterator[OverlayFile]:
        if given is None:
            return
        texts = [
            self._text_of(path, f"claude_md.blocks ({name})")
            for name, path in self._chosen("claude_md.blocks", given.blocks, self.folder.blocks, "block")
        ]
        if given.file is not None:
            texts.append(self._text_of(self.folder.path / given.file, "claude_md.file"))
        if not given.blocks and given.file is None:
            self._error("claude_md", "neither blocks nor a file are given", "Name some, or remove the key")
        yield OverlayFile(path=CLAUDE_MD, content=("\n\n".join(texts) + "\n").encode())

    def _skills(self, given: SkillsFormat | None) -> Mapping[str, Path]:
        if given is None:
            return {}
        library = self.folder.library
        chosen: dict[str, Path] = {}
        for _, skills in self._chosen("skills.categories", given.categories, library.skills, "category of skills"):
            chosen.update(skills)
        chosen.update(self._chosen("skills.names", given.names, library.skill_folders, "skill"))
        if not chosen and not self.findings.error_count:
            self._error("skills", "no skill is named", "Name categories or names, or remove the key")
        return chosen

    def _skill_files(self, folder: Path) -> tuple[OverlayFile, ...]:
        offered_name(folder / SKILL_FILE, folder.name, self.findings)
        return files_below(folder, f"{SKILLS_FOLDER}/{folder.name}/", self.findings)

    def _agents(self, given: AgentsFormat | None) -> Mapping[str, Path]:
        if given is None:
            return {}
        library = self.folder.library
        chosen: dict[str, Path] = {}
        for level in given.levels:
            if not library.agents.get(level):
                self._error("agents.levels", f"the library has no sub-agents of level {level}", "Write some")
            chosen.update(library.agents.get(level, {}))
        chosen.update(self._chosen("agents.names", given.names, library.agent_files, "sub-agent"))
        return chosen

    def _agent_file(self, path: Path) -> OverlayFile | None:
        offered_name(path, path.stem, self.findings)
        return read_file(path, f"{AGENTS_FOLDER}/{path.name}", self.findings)

    def _tools(self) -> tuple[str, ...] | None:
        """The tools of the sets that are named, and tools by their own names (which begin with a capital)."""
        given, library = self.subtest.tools, self.folder.library
        if given is None:
            return None
        if isinstance(given, str):
            return library.all_tools
        sets = {**library.tool_sets, **{tool: (tool,) for tool in library.all_tools}}
        chosen = self._chosen("tools", given, sets, "set of tools or tool")
        return tuple(dict.fromkeys(tool for _, tools in chosen for tool in tools))
