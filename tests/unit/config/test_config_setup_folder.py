"""A person's own set-up folder becomes a set-up, and nothing private in it is touched."""

import json

import pytest

from scylla.config.findings import Findings
from scylla.config.setup_folder import load_setup_folder

SKILL = "---\nname: hi\ndescription: Says hi.\n---\nSay hi.\n"
AGENT = "---\nname: helper\ndescription: Use for help.\n---\nYou help.\n"
SERVER = {"mcpServers": {"x": {"command": "x-server", "args": ["a"]}}}


def load(folder):
    findings = Findings()
    return load_setup_folder(folder, findings), findings.problems


def fill(folder, prefix):
    for path, text in {
        "CLAUDE.md": "Be brief.\n",
        f"{prefix}skills/hi/SKILL.md": SKILL,
        f"{prefix}agents/helper.md": AGENT,
        f"{prefix}settings.json": '{"permissions": {}}',
        f"{prefix}.credentials.json": "secret",
        f"{prefix}history.jsonl": "secret",
        f"{prefix}projects/p/memory/MEMORY.md": "secret",
        f"{prefix}settings.local.json": "secret",
        "src/main.py": "code",
        ".mcp.json": json.dumps(SERVER),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    tool = folder / f"{prefix}skills/hi/tool.sh"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)


@pytest.mark.parametrize("prefix", ["", ".claude/"])
def test_both_layouts_give_the_same_and_leave_private_files_alone(tmp_path, prefix):
    fill(tmp_path, prefix)
    setup, problems = load(tmp_path)
    assert problems == ()
    assert set(setup.file_paths) == {
        "CLAUDE.md", ".claude/skills/hi/SKILL.md", ".claude/skills/hi/tool.sh", ".claude/agents/helper.md",
        ".claude/settings.json",
    }  # fmt: skip
    assert [file.path for file in setup.overlay if file.is_executable] == [".claude/skills/hi/tool.sh"]
    assert (setup.skills, setup.agents) == (("hi",), ("helper",))
    (server,) = setup.mcp_servers
    assert (server.name, json.loads(server.definition)) == ("x", SERVER["mcpServers"]["x"])
    assert b"secret" not in b"".join(file.content for file in setup.overlay)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (".claude/settings.json", '{"env": {"ANTHROPIC_BASE_URL": "http://x"}}', "metered"),
        ("settings.json", '{"apiKeyHelper": "echo key"}', "metered"),
        (".claude/settings.json", "{", "no JSON"),
        (".claude/settings.json", "[]", "must be an object"),
        (".mcp.json", "{}", "is missing or no object"),
        (".mcp.json", '{"mcpServers": {"x": {}}}', "neither a command nor a url"),
        ("agents/a.md", "---\nname: a\n---\n", "'description' is missing"),
        ("agents/a.md", "---\nname: [\n---\n", "no YAML"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, path, text, said):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    problems = load(tmp_path)[1]
    assert any(said in problem.reason and path.split("/")[-1] in problem.file for problem in problems)


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret").write_text("key")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "CLAUDE.md").symlink_to(tmp_path / "secret")
    setup, problems = load(tmp_path / "mine")
    assert setup.overlay == ()
    assert "no regular file" in problems[0].reason


def test_an_empty_folder_and_one_that_is_not_there(tmp_path):
    assert "nothing that an agent could be given" in load(tmp_path)[1][0].reason
    assert "no such folder" in load(tmp_path / "gone")[1][0].reason


@pytest.mark.parametrize(
    ("text", "is_listed"),
    [
        (SKILL, True),
        ("---\nname: hi\ndescription: x\ndisable-model-invocation: true\n---\nx\n", True),
        ("---\nname: hi\ndescription: x\nuser-invocable: false\n---\nx\n", False),
        ("---\nname: hi\n---\nx\n", False),
        ("Say hi.\n", False),
        ("---\n: [\n---\n", False),
        ("", False),
    ],
)
def test_a_skill_that_the_cli_does_not_list_is_not_missed(tmp_path, text, is_listed):
    (tmp_path / "skills" / "hi").mkdir(parents=True)
    (tmp_path / "skills" / "hi" / "SKILL.md").write_text(text)
    setup, problems = load(tmp_path)
    assert problems == ()
    assert (setup.skills, setup.file_paths) == (("hi",) if is_listed else (), (".claude/skills/hi/SKILL.md",))


def test_a_note_beside_agents_is_no_agent(tmp_path):
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "README.md").write_text("Notes on our agents.\n")
    setup, problems = load(tmp_path)
    assert (setup.agents, problems) == ((), ())
