"""Set-ups: when they are the same, and what they are together."""

from dataclasses import replace

import pytest

from scylla.domain.tier import McpServer, OverlayFile, Plugin, Setup, Subtest, SystemPrompt, merged, with_reachable

FILE = OverlayFile(path="CLAUDE.md", content=b"One.\n")
FULL = Setup(
    overlay=(FILE,), tools=("Read",), mcp_servers=(McpServer(name="m", definition="{}"),),
    plugins=(Plugin(name="p", files=(FILE,)),), main_agent="a", agents=("a",),
)  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"system_prompt": SystemPrompt.NONE},
        {"system_prompt_text": "x"},
        {"overlay": (replace(FILE, content=b"Two.\n"),)},
        {"overlay": (replace(FILE, is_executable=True),)},
        {"overlay": (replace(FILE, path="x"),)},
        {"tools": ()},
        {"tools": None},
        {"mcp_servers": ()},
        {"mcp_servers": (McpServer(name="m", definition='{"a": 1}'),)},
        {"plugins": ()},
        {"main_agent": None},
        {"agent_teams": True},
    ],
)
def test_every_change_of_the_treatment_changes_the_digest(changes):
    assert replace(FULL, **changes).digest != FULL.digest


def test_what_is_no_part_of_the_treatment_does_not():
    assert replace(FULL, mcp_servers=(McpServer(name="m", definition="{}", needs="a network"),)).digest == FULL.digest


def test_claude_md_files_are_joined_and_other_files_replaced():
    other = OverlayFile(path="a", content=b"old")
    first = Setup(overlay=(FILE, other))
    second = Setup(overlay=(replace(other, content=b"new"), replace(FILE, content=b"Two.\n")))
    assert {file.path: file.content for file in merged([first, second]).overlay} == {
        "CLAUDE.md": b"One.\n\nTwo.\n",
        "a": b"new",
    }


def test_a_choice_of_tools_is_widened_by_what_the_rest_needs():
    few = Setup(tools=("Read", "Edit"))
    assert merged([few, Setup(agents=("a",))]).tools == ("Read", "Edit", "Agent")
    assert merged([few, Setup(skills=("s",))]).tools == ("Read", "Edit", "Skill")
    assert merged([few, Setup(tools=("Bash", "Read"))]).tools == ("Read", "Edit", "Bash")
    assert merged([Setup(), Setup(agents=("a",))]).tools is None
    assert with_reachable(Setup(tools=("Agent",), agents=("a",))).tools == ("Agent",)


def test_system_prompts_main_agents_and_teams():
    appended = Setup(system_prompt=SystemPrompt.APPENDED, system_prompt_text="A")
    whole = merged(
        [appended, Setup(main_agent="x", agent_teams=True), replace(appended, system_prompt_text="B"), Setup()]
    )
    assert (whole.system_prompt, whole.system_prompt_text) == (SystemPrompt.APPENDED, "A\n\nB")
    assert (whole.main_agent, whole.agent_teams) == ("x", True)
    assert merged([Setup(system_prompt=SystemPrompt.NONE), Setup()]).system_prompt is SystemPrompt.NONE
    assert merged([appended, Setup(system_prompt=SystemPrompt.NONE)]).system_prompt_text == ""


def test_a_main_agent_keeps_its_own_instructions():
    led = Setup(main_agent="x")
    custom = merged([Setup(system_prompt=SystemPrompt.CUSTOM, system_prompt_text="A"), led])
    assert (custom.system_prompt, custom.system_prompt_text) == (SystemPrompt.APPENDED, "A")
    assert merged([Setup(system_prompt=SystemPrompt.NONE), led]) == led, "the CLI sends the same for both"


def test_a_subtest_that_inherits_needs_all_its_winners():
    heir = Subtest(tier="T5", id="11", name="", description="", setup=Setup(overlay=(FILE,)), inherits=("T0", "T1"))
    with pytest.raises(KeyError):
        heir.resolved({"T0": Setup()})
    got = heir.resolved({"T0": Setup(overlay=(replace(FILE, content=b"Zero.\n"),)), "T1": Setup(skills=("s",))})
    assert got.overlay[0].content == b"Zero.\n\nOne.\n"
    assert got.skills == ("s",)
