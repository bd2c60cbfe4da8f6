"""offline.yaml becomes what the offline model plays."""

import json
from pathlib import Path

import pytest

from scylla.config.scenario import DEFAULT_SCENARIO, load_scenario
from scylla.domain.scenario import Failure, Script, ToolCall, Turn
from scylla.errors import ProblemsFound

HEAD = "schema_version: 1\nagent: {turns: [{say: hi}]}\n"


def load(tmp_path: Path, text: str):
    path = tmp_path / "offline.yaml"
    path.write_text(text)
    return load_scenario(path)


def test_plain_turns_are_played_for_every_request(tmp_path):
    scenario = load(
        tmp_path,
        """
schema_version: 1
agent:
  turns:
    - say: I look.
      tools: [{name: Bash, input: {command: ls, timeout: 5}}]
      usage: {input_tokens: 1, output_tokens: 2, cache_creation_tokens: 3, cache_read_tokens: 4}
    - {say: Done., delay_s: 1, stall_s: 0.5}
judge:
  turns: [{say: Nothing to see.}]
""",
    )
    call = ToolCall(name="Bash", input_json='{"command": "ls", "timeout": 5}')
    first = Turn(
        text="I look.",
        tool_calls=(call,),
        input_tokens=1,
        output_tokens=2,
        cache_creation_tokens=3,
        cache_read_tokens=4,
    )
    assert scenario.agent == (Script(turns=(first, Turn(text="Done.", delay_s=1.0, stall_s=0.5))),)
    assert scenario.judge == (Script(turns=(Turn(text="Nothing to see."),)),)


def test_scripts_are_chosen_by_what_the_request_contains(tmp_path):
    text = HEAD + "judge:\n  - {when_contains: strict, turns: [{say: a}]}\n  - {turns: [{say: b}]}\n"
    assert load(tmp_path, text).judge == (
        Script(turns=(Turn(text="a"),), when_contains="strict"),
        Script(turns=(Turn(text="b"),)),
    )


def test_a_verdict_is_short_for_structured_output(tmp_path):
    given = "R1: {points: 1, reason: good}, R2: {points: null, reason: n/a, evidence: 'a.py:1'}"
    text = HEAD + f"judge: {{turns: [{{verdict: {{{given}}}}}]}}"
    (call,) = load(tmp_path, text).judge[0].turns[0].tool_calls
    assert call.name == "StructuredOutput"
    assert json.loads(call.input_json) == {
        "items": {
            "R1": {"points": 1.0, "reason": "good", "evidence": "played by the offline model"},
            "R2": {"points": 0.0, "reason": "n/a", "evidence": "a.py:1", "not_applicable": True},
        }
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
        (418, "invalid_request_error"),
        (503, "api_error"),
    ],
)
def test_an_error_has_the_usual_type_of_its_status(tmp_path, status, kind):
    scenario = load(tmp_path, f"schema_version: 1\nagent: {{turns: [{{error: {{status: {status}}}}}]}}")
    failure = scenario.agent[0].turns[0].failure
    assert failure is not None
    assert (failure.status, failure.kind, failure.times) == (status, kind, None)


def test_an_error_in_full(tmp_path):
    error = "{status: 429, type: my_error, message: Wait, headers: {retry-after: '3'}, times: 2}"
    turn = load(tmp_path, f"schema_version: 1\nagent: {{turns: [{{say: ok, error: {error}}}]}}").agent[0].turns[0]
    assert turn.text == "ok"
    assert turn.failure == Failure(
        status=429, kind="my_error", message="Wait", headers=(("retry-after", "3"),), times=2
    )


def test_without_a_judge_part_the_judge_gives_nothing(tmp_path):
    assert load(tmp_path, HEAD).judge == DEFAULT_SCENARIO.judge
    assert DEFAULT_SCENARIO.judge[0].turns[0].tool_calls == ()
    assert "no scenario" in DEFAULT_SCENARIO.agent[0].turns[0].text


@pytest.mark.parametrize(
    ("text", "key", "reason", "fix"),
    [
        ("agent: {turns: [{say: x}]}", "schema_version", "missing", "schema_version"),
        ("schema_version: 2\nagent: {turns: [{say: x}]}", "schema_version", "must be one of 1", "Write 1"),
        ("schema_version: 1", "agent", "missing", "Add 'agent:'"),
        ("schema_version: 1\nagent: []", "agent", "must not be empty", "Add"),
        ("schema_version: 1\nagent: {turns: []}", "agent.turns", "must not be empty", "Add"),
        ("schema_version: 1\nagent: hi", "agent", "must be a mapping", "mapping"),
        ("schema_version: 1\nagent: {turns: [{}]}", "agent.turns[0]", "no content", "say, tools"),
        ("schema_version: 1\nagent: {turns: [{sya: x, say: y}]}", "agent.turns[0].sya", "unknown key", "'say'"),
        ("schema_version: 1\nagent: [{turns: [{say: 1}]}]", "agent[0].turns[0].say", "must be text", '"1"'),
        ("schema_version: 1\nagent: [{trns: [], turns: [{say: x}]}]", "agent[0].trns", "unknown key", "'turns'"),
        ("schema_version: 1\nagent: {turns: [{tools: [{}]}]}", "agent.turns[0].tools[0].name", "missing", "name"),
        (
            "schema_version: 1\nagent: {turns: [{error: {status: 200}}]}",
            "agent.turns[0].error",
            "no error status",
            "400 to 599",
        ),
        (
            "schema_version: 1\nagent: {turns: [{error: {status: 429, times: 0}}]}",
            "agent.turns[0].error.times",
            "at least 1",
            "number",
        ),
        (
            "schema_version: 1\nagent: {turns: [{verdict: {}}]}",
            "agent.turns[0].verdict",
            "an agent gives no verdict",
            "judge",
        ),
        (
            HEAD + "judge: {turns: [{verdict: {R1: {points: '1', reason: x}}}]}",
            "judge.turns[0].verdict.R1.points",
            "must be a number",
            "without quotes",
        ),
        (
            HEAD + "judge: {turns: [{usage: {input_tokens: -1}, say: x}]}",
            "judge.turns[0].usage.input_tokens",
            "at least 0",
            "number",
        ),
    ],
)
def test_a_bad_scenario_names_file_and_key(tmp_path, text, key, reason, fix):
    with pytest.raises(ProblemsFound) as raised:
        load(tmp_path, text)
    (problem,) = raised.value.problems
    assert problem.file == str(tmp_path / "offline.yaml")
    assert problem.key == key
    assert reason in problem.reason
    assert fix in problem.fix


def test_a_missing_scenario(tmp_path):
    with pytest.raises(ProblemsFound) as raised:
        load_scenario(tmp_path / "none.yaml")
    assert "does not exist" in raised.value.problems[0].reason
