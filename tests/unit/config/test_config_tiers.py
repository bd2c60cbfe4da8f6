"""Tier folders become subtests, each one a set-up of its own."""

import re
from pathlib import Path

import pytest

from scylla.config.tiers import available_tiers, load_tier
from scylla.domain.tier import TIER_IDS, OverlayFile, Setup, SystemPrompt


def write_tier(folder: Path, subtests: str, *, tier: str = "t1") -> Path:
    (folder / tier / "blocks").mkdir(parents=True)
    (folder / tier / "tier.yaml").write_text(f"name: Mine\ndescription: A tier\nsubtests:\n{subtests}")
    (folder / tier / "blocks/first.md").write_text("One.\n")
    (folder / tier / "blocks/second.md").write_text("\nTwo.\n\n")
    (folder / tier / "blocks/empty.md").write_text(" \n")
    (folder / tier / "prompt.txt").write_text("You are terse.\n")
    return folder


def test_every_built_in_tier_loads_and_no_two_subtests_are_the_same():
    assert "T0" in available_tiers()
    for tier_id in available_tiers():
        tier = load_tier(tier_id)
        assert tier.problems == ()
        digests = [(subtest.setup.digest, subtest.inherits) for subtest in tier.subtests]
        assert len(set(digests)) == len(digests) > 0
        assert all(subtest.name and subtest.description for subtest in tier.subtests)


def test_the_first_subtests_of_t0():
    empty, default, block = load_tier("T0").subtests[:3]
    assert [subtest.label for subtest in (empty, default, block)] == ["T0/00", "T0/01", "T0/02"]
    assert empty.setup == Setup(system_prompt=SystemPrompt.NONE)
    assert default.setup == Setup(system_prompt=SystemPrompt.DEFAULT)
    alone = load_tier("T0").subtests[6].setup
    (claude_md,) = alone.overlay
    assert claude_md.path == "CLAUDE.md"
    assert claude_md.content.decode() == block.setup.system_prompt_text + "\n"


def test_nothing_in_a_set_up_tells_the_agent_that_it_is_tested():
    telling = re.compile(r"scylla|subtest|\bgrad(ed?|ing)\b|rubric|benchmark|being (tested|measured|evaluated)", re.I)
    for tier_id in available_tiers():
        for subtest in load_tier(tier_id).subtests:
            setup = subtest.setup
            files = [*setup.overlay, *(file for plugin in setup.plugins for file in plugin.files)]
            texts = [setup.system_prompt_text, *(file.path + file.content.decode() for file in files)]
            assert not telling.search("\n".join(texts)), subtest.label


def test_a_tier_of_ones_own(tmp_path):
    write_tier(
        tmp_path,
        """
  - {id: "00", name: A, system_prompt: custom, system_prompt_text: Be kind.}
  - {id: "01", name: B, system_prompt: custom, system_prompt_file: prompt.txt}
  - {id: "02", name: C, claude_md: {blocks: [second, first]}}
""",
    )
    assert available_tiers(tmp_path) == ("T1",)
    tier = load_tier("T1", tmp_path)
    assert (tier.id, tier.name, tier.description, tier.problems) == ("T1", "Mine", "A tier", ())
    assert [subtest.setup for subtest in tier.subtests] == [
        Setup(system_prompt=SystemPrompt.CUSTOM, system_prompt_text="Be kind."),
        Setup(system_prompt=SystemPrompt.CUSTOM, system_prompt_text="You are terse."),
        Setup(overlay=(OverlayFile(path="CLAUDE.md", content=b"Two.\n\nOne.\n"),)),
    ]


@pytest.mark.parametrize(
    ("subtests", "key", "reason", "fix"),
    [
        ("  []", "subtests", "must not be empty", "Add"),
        ('  - {id: "0", name: A}', "subtests[0].id", "two digits", '"00"'),
        ("  - {id: 10, name: A}", "subtests[0].id", "must be text", '"10"'),
        ('  - {id: "00", nmae: A, name: B}', "subtests[0].nmae", "unknown key", "'name'"),
        ('  - {id: "00", name: A, system_prompt: non}', "subtests[0].system_prompt", "one of none", "'none'"),
        ('  - {id: "00", name: A, system_prompt: custom}', "subtests[0].system_prompt", "needs a text or a file", ""),
        ('  - {id: "00", name: A, system_prompt_text: x}', "subtests[0].system_prompt_text", "'default'", "custom"),
        (
            '  - {id: "00", name: A, system_prompt: custom, system_prompt_text: x, system_prompt_file: prompt.txt}',
            "subtests[0].system_prompt",
            "not both",
            "one of",
        ),
        (
            '  - {id: "00", name: A, system_prompt: custom, system_prompt_file: ../x}',
            "subtests[0].system_prompt_file",
            "leads outside",
            "'..'",
        ),
        ('  - {id: "00", name: A, claude_md: {blocks: []}}', "subtests[0].claude_md", "neither blocks nor", ""),
        (
            '  - {id: "00", name: A, claude_md: {blocks: [frist]}}',
            "subtests[0].claude_md.blocks[0]",
            "no block",
            "first",
        ),
        (
            '  - {id: "00", name: A, claude_md: {blocks: [../x]}}',
            "subtests[0].claude_md.blocks[0]",
            "there is no block",
            "",
        ),
        (
            '  - {id: "00", name: A, system_prompt: none}\n  - {id: "00", name: B}',
            "subtests[1].id",
            "already used",
            "its own id",
        ),
        ('  - {id: "00", name: A}\n  - {id: "01", name: B}', "subtests[1]", "the same as that of T1/00", "Change"),
    ],
)
def test_a_bad_tier_names_file_and_key(tmp_path, subtests, key, reason, fix):
    tier = load_tier("T1", write_tier(tmp_path, subtests))
    assert tier.subtests == ()
    (problem,) = tier.problems
    assert problem.file == str(tmp_path / "t1/tier.yaml")
    assert problem.key == key
    assert reason in problem.reason
    assert fix in problem.fix


def test_an_empty_block_and_a_missing_prompt_file_are_named(tmp_path):
    tier = load_tier(
        "T1",
        write_tier(
            tmp_path,
            '  - {id: "00", name: A, claude_md: {blocks: [empty]}}\n'
            '  - {id: "01", name: B, system_prompt: custom, system_prompt_file: none.txt}',
        ),
    )
    assert [problem.file for problem in tier.problems] == [
        str(tmp_path / "t1/blocks/empty.md"),
        str(tmp_path / "t1/none.txt"),
    ]


def test_a_tier_that_is_not_there(tmp_path):
    (problem,) = load_tier("T8").problems
    assert "unknown tier 'T8'" in problem.reason
    assert all(tier_id in problem.fix for tier_id in TIER_IDS)
    (problem,) = load_tier("T0", tmp_path).problems
    assert "there is no tier T0 here" in problem.reason
    assert "no tiers" in problem.fix
    assert available_tiers(tmp_path / "missing") == ()


LIBRARY = {
    "blocks/our-rules.md": "## Ours\n\nBe kind.\n",
    "skills/mine/knit/SKILL.md": "---\nname: knit\ndescription: Knits socks.\n---\nKnit.\n",
    "skills/mine/knit/pattern.txt": "two plain, two purl\n",
    "agents/L3/knitter.md": "---\nname: knitter\ndescription: Use for socks.\n---\nYou knit.\n",
    "mcp_servers.yaml": "servers:\n  wool: {description: sells wool, command: wool, args: [a], needs: sheep}\n",
    "tools.yaml": "sets:\n  tiny: [Read, Agent, Skill, NewTool]\n",
}


def write_library(folder: Path) -> Path:
    for path, text in LIBRARY.items():
        (folder / "library" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "library" / path).write_text(text)
    return folder


def load_mine(tmp_path, subtests):
    return load_tier("T1", write_tier(write_library(tmp_path), subtests))


def test_ones_own_library_goes_before_the_built_in_one(tmp_path):
    tier = load_mine(
        tmp_path,
        """
  - {id: "00", name: A, claude_md: {blocks: [our-rules, 01-small-verified-steps]}}
  - {id: "01", name: B, skills: {categories: [mine]}, agents: {names: [knitter]}, main_agent: knitter, tools: [tiny]}
  - {id: "02", name: C, mcp_servers: [wool, git], plugins: [advice], agent_teams: true}
  - {id: "03", name: D, tools: [files, Bash]}
""",
    )
    assert tier.problems == ()
    first, second, third, fourth = (subtest.setup for subtest in tier.subtests)
    assert first.overlay[0].content.startswith(b"## Ours\n\nBe kind.\n\n## ")
    assert second.file_paths == (
        ".claude/skills/knit/SKILL.md", ".claude/skills/knit/pattern.txt", ".claude/agents/knitter.md",
    )  # fmt: skip
    assert (second.skills, second.agents, second.main_agent) == (("knit",), ("knitter",), "knitter")
    assert second.tools == ("Read", "Agent", "Skill", "NewTool")
    assert [server.name for server in third.mcp_servers] == ["wool", "git"]
    assert (third.mcp_servers[0].needs, third.agent_teams) == ("sheep", True)
    assert [plugin.name for plugin in third.plugins] == ["advice"]
    assert {"Read", "Write", "Bash"} < set(fourth.tools)


def test_a_folder_as_a_set_up_and_what_is_added_to_it(tmp_path):
    (tmp_path / "t1" / "mine").mkdir(parents=True)
    (tmp_path / "t1" / "mine" / "CLAUDE.md").write_text("Mine.\n")
    (tmp_path / "t1" / "tier.yaml").write_text(
        'name: X\nsubtests:\n  - {id: "00", name: A, setup: mine, claude_md: {blocks: [07-honest-report]}}\n'
    )
    tier = load_tier("T1", tmp_path)
    assert tier.problems == ()
    assert tier.subtests[0].setup.overlay[0].content.startswith(b"Mine.\n\n## ")


def test_an_entry_for_each_of_something(tmp_path):
    tier = load_mine(
        tmp_path,
        '  - {ids: "05..06", for_each: {agents: [L0, L5]}, name: "{item}!", agents: {names: ["{item}"]}}'.replace(
            '"05..06"', '"05..08"'
        ),
    )
    assert tier.problems == ()
    assert [subtest.id for subtest in tier.subtests] == ["05", "06", "07", "08"]
    assert tier.subtests[0].name == "chief-engineer!"


@pytest.mark.parametrize(
    ("entry", "key", "reason"),
    [
        ("{name: A}", "id", "needs one id"),
        ('{id: "00", ids: "00..01", name: A}', "id", "means nothing"),
        ('{id: "00", for_each: {blocks: all}, name: A}', "ids", "needs the range"),
        ('{ids: "00..01", for_each: {blocks: all}, name: A, claude_md: {blocks: ["{item}"]}}', "ids", "19 entries"),
        ('{ids: "00..01", for_each: {}, name: A}', "for_each", "exactly one key"),
        ('{ids: "0-1", for_each: {blocks: all}, name: A}', "ids", "does not have the form"),
        ('{id: "00", name: A, skills: {names: [knot]}}', "skills.names[0]", "there is no skill 'knot'"),
        ('{id: "00", name: A, skills: {categories: [none]}}', "skills.categories[0]", "no category of skills"),
        ('{id: "00", name: A, agents: {names: [nitter]}}', "agents.names[0]", "no sub-agent 'nitter'"),
        ('{id: "00", name: A, main_agent: knitter}', "main_agent", "none of the sub-agents"),
        ('{id: "00", name: A, agents: {names: [knitter]}, tools: [files]}', "tools", "the tool Agent"),
        (
            '{id: "00", name: A, agents: {names: [knitter]}, main_agent: knitter, system_prompt: custom, '
            "system_prompt_text: Hi}",
            "system_prompt",
            "only one of the two",
        ),
        ('{id: "00", name: A, skills: {names: [knit]}, tools: [files]}', "tools", "the tool Skill"),
        ('{id: "00", name: A, tools: [fils]}', "tools[0]", "no set of tools or tool 'fils'"),
        ('{id: "00", name: A, mcp_servers: [wol]}', "mcp_servers[0]", "no server 'wol'"),
        ('{id: "00", name: A, plugins: [x]}', "plugins[0]", "no plug-in 'x'"),
        ('{id: "00", name: A, tools: everything}', "tools", "must be one of all"),
        ('{id: "00", name: A, inherit_best_from: [T1]}', "inherit_best_from", "cannot take the winner of T1"),
        ('{id: "00", name: A, inherit_best_from: [T9]}', "inherit_best_from[0]", "must be one of"),
    ],
)
def test_a_bad_entry_is_named(tmp_path, entry, key, reason):
    tier = load_mine(tmp_path, f"  - {entry}")
    assert tier.subtests == ()
    assert any(problem.key == f"subtests[0].{key}" and reason in problem.reason for problem in tier.problems), [
        (problem.key, problem.reason) for problem in tier.problems
    ]


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("skills/mine/knit/SKILL.md", "Knit.\n", "does not begin"),
        ("skills/mine/knit/SKILL.md", "---\nname: other\ndescription: x\n---\n", "its name is 'other'"),
        ("agents/L3/knitter.md", "---\nname: knitter\n---\n", "'description' is missing"),
        ("mcp_servers.yaml", "servers:\n  wool: {command: x}\n", "the key is missing"),
        ("tools.yaml", "sets:\n  tiny: []\n", "must not be empty"),
    ],
)
def test_a_broken_library_is_named_with_its_file(tmp_path, path, text, said):
    write_tier(
        write_library(tmp_path),
        '  - {id: "00", name: A, skills: {names: [knit]}, agents: {names: [knitter]}, '
        "mcp_servers: [wool], tools: [tiny]}",
    )
    (tmp_path / "library" / path).write_text(text)
    problems = load_tier("T1", tmp_path).problems
    assert any(problem.file.endswith(path) and said in problem.reason for problem in problems), problems
