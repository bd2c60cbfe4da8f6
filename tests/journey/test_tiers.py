"""Every subtest of every tier, read off the first request that the real CLI sends for it."""

import gzip
import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from laboratory import Lab, cli_binary

from scylla.adapters.claude_setup import MCP_TOOLS
from scylla.config.tiers import available_tiers, load_tier
from scylla.domain.tier import Setup, SystemPrompt
from scylla.store.reading import read_experiment

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("tiers"), pytest.mark.timeout(900)]

COUNTS = {"T0": 24, "T1": 10, "T2": 15, "T3": 41, "T4": 14, "T5": 15, "T6": 1}
RUBRIC = """
requirements:
  - {id: R001, description: The README is there., weight: 1, evaluation: binary, run: test -f README.md}
"""
LIBRARY = load_tier("T6").subtests[0].setup
"""Everything there is."""


@dataclass(kw_only=True)
class OnTheWire:
    """The first request of an agent, taken apart."""

    request: dict
    setup: Setup
    system: str = ""
    messages: str = ""
    tools: dict = field(default_factory=dict)

    def __post_init__(self):
        # The first block names the CLI's version and a checksum.
        self.system = "\n".join(block["text"] for block in self.request["system"][1:])
        self.messages = "\n".join(_texts(self.request["messages"]))
        self.tools = {tool["name"]: tool for tool in self.request["tools"]}

    @property
    def built_in(self):
        return {name for name in self.tools if not name.startswith("mcp__")}

    @property
    def servers(self):
        return {name.split("__")[1] for name in self.tools if name.startswith("mcp__")}

    @property
    def treatment(self) -> str:
        """Equal exactly when the model was sent the same, whatever the slot and the hour."""
        text = json.dumps([self.system, self.messages, sorted(self.tools.items())], sort_keys=True)
        return hashlib.sha256(re.sub(r"[\w/-]+/a/\d+/|[\w-]+-a-\d+-", "SLOT", text).encode()).hexdigest()


def _texts(messages):
    for message in messages:
        content = message["content"]
        for block in [{"text": content}] if isinstance(content, str) else content:
            yield block.get("text", "")


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    """All tiers with one run of each subtest on a case that no judge grades; label → what was sent."""
    lab = Lab(root=tmp_path_factory.mktemp("tiers"), claude=cli_binary("claude"))
    (lab.case / "expected" / "rubric.yaml").write_text(RUBRIC)
    lab.play(agent=[{"say": "Done."}])
    run = lab.run("--tiers", "all", "--runs", "1", timeout_s=840)
    assert run.code == 0, run.stderr[-3000:]
    meta, records = read_experiment(lab.experiment)
    assert len(records) == sum(COUNTS.values())
    subtests = {subtest.label: subtest for tier in available_tiers() for subtest in load_tier(tier).subtests}
    winners = {winner.tier: subtests[winner.label].setup for winner in meta.winners}
    found = {}
    for record in records:
        subtest = subtests[f"{record.key.tier}/{record.key.subtest}"]
        setup = subtest.resolved(winners)
        assert record.result.setup_digest == setup.digest, subtest.label
        assert (record.grading.files_changed, record.score.score) == ((), 1.0), "nothing of a set-up is in the diff"
        folder = lab.experiment / record.key.label / "attempt_01" / "agent"
        requests = [json.loads(gzip.decompress(path.read_bytes())) for path in sorted(folder.glob("*-request.json.gz"))]
        first = next(request for request in requests if request.get("tools"))
        found[subtest.label] = OnTheWire(request=first, setup=setup)
    return found


def test_there_are_the_subtests_that_are_promised(wire):
    counted = defaultdict(int)
    for label in wire:
        counted[label.split("/")[0]] += 1
    assert counted == COUNTS


def test_no_two_treatments_are_the_same(wire):
    same = defaultdict(list)
    for label, sent in wire.items():
        same[sent.treatment].append(label)
    assert [labels for labels in same.values() if len(labels) > 1] == []


def test_the_same_treatment_is_sent_byte_for_byte_in_every_slot(wire, tmp_path):
    lab = Lab(root=tmp_path, claude=cli_binary("claude"))
    lab.play(agent=[{"say": "Done."}])
    assert lab.run("--subtests", "T1/03", "--runs", "2").code == 0
    sent = set()
    for path in lab.experiment.rglob("agent/exchange-0001-request.json.gz"):
        sent.add(OnTheWire(request=json.loads(gzip.decompress(path.read_bytes())), setup=Setup()).treatment)
    assert sent == {wire["T1/03"].treatment}, "what counts as a difference is nothing but the set-up"


def test_the_system_prompt_is_that_of_the_set_up(wire):
    default = wire["T0/01"].system
    for label, sent in wire.items():
        setup = sent.setup
        if setup.main_agent is not None:
            (text,) = (file.content.decode() for file in setup.overlay if file.path.endswith(f"/{setup.main_agent}.md"))
            assert text.split("---", 2)[2].strip() in sent.system, label
        elif setup.system_prompt is SystemPrompt.NONE:
            assert len(sent.system) < 200, label
        elif setup.system_prompt is SystemPrompt.APPENDED:
            assert setup.system_prompt_text in sent.system, label
            assert len(sent.system) > len(default), label
        else:
            assert len(sent.system) > 5000, label


def test_claude_md_is_that_of_the_set_up(wire):
    for label, sent in wire.items():
        given = next((file.content.decode() for file in sent.setup.overlay if file.path == "CLAUDE.md"), None)
        if given is None:
            assert "/CLAUDE.md" not in sent.messages, label
        else:
            assert given.strip() in sent.messages, label


@pytest.mark.parametrize("kind", ["skills", "agents"])
def test_skills_and_sub_agents_are_offered_and_no_others(wire, kind):
    for label, sent in wire.items():
        offered = {name for name in getattr(LIBRARY, kind) if f"\n- {name}: " in sent.messages}
        assert offered == set(getattr(sent.setup, kind)), label


def test_exactly_the_tools_of_the_set_up_are_there(wire):
    default = wire["T0/01"].built_in
    assert {"Bash", "Edit", "Read", "Write", "Agent", "Skill"} <= default
    for label, sent in wire.items():
        own = sent.built_in - (MCP_TOOLS if sent.setup.mcp_servers else set())
        assert own == (default if sent.setup.tools is None else set(sent.setup.tools)), label
    assert default < wire["T2/04"].built_in
    sizes = [len(wire[f"T2/{number}"].built_in) for number in ("01", "02", "03", "04")]
    assert sizes == sorted(set(sizes)), "each set of tools is larger than the one before"


def test_the_tools_of_the_mcp_servers_are_there_and_no_others(wire):
    for label, sent in wire.items():
        assert sent.servers == {server.name for server in sent.setup.mcp_servers}, label
    assert len(wire["T2/14"].servers) == 9


def test_plug_ins_and_teams_reach_the_agent(wire):
    for label, sent in wire.items():
        plugged = bool(sent.setup.plugins)
        assert ("advice:premortem" in sent.messages, "- advice:advisor: " in sent.messages) == (plugged, plugged), label
        if "Agent" in sent.tools:
            assert ("team_name" in sent.tools["Agent"]["input_schema"]["properties"]) == sent.setup.agent_teams, label
