"""What the adapter makes of recorded output of real CLI versions, and the command line it builds."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scylla.adapters.claude_code import command, read_result
from scylla.adapters.claude_setup import undelivered
from scylla.adapters.cli import CliRequest, InstalledCli
from scylla.domain.outcome import Outcome
from scylla.domain.process import Finished, ProviderAnswer
from scylla.domain.record import CliReport
from scylla.domain.tier import McpServer, OverlayFile, Plugin, Setup, SystemPrompt
from scylla.domain.usage import Tokens

RECORDED = Path(__file__).parents[2] / "fixtures" / "claude_code"
VERSIONS = sorted(folder.name for folder in RECORDED.iterdir())
ENDED = Finished(exit_code=0, signal=None, timed_out=False, duration_s=1.0)
FAILED = replace(ENDED, exit_code=1)
STOPPED = Finished(exit_code=143, signal=None, timed_out=True, duration_s=60.0)
NEWER_FLAGS = frozenset({"--strict-mcp-config", "--no-session-persistence", "--setting-sources", "--max-budget-usd"})


def recorded(version: str, name: str) -> list[bytes]:
    return (RECORDED / version / f"{name}.jsonl").read_bytes().splitlines(keepends=True)


def request(**changes: object) -> CliRequest:
    base = CliRequest(
        cli=InstalledCli(binary=Path("/opt/claude"), version="2.1.197", flags=NEWER_FLAGS),
        prompt_file=Path("/p/prompt.md"),
        workspace=Path("/w/project"),
        home=Path("/w/home"),
        temp=Path("/w/tmp"),
        search_path="/usr/bin",
        base_url="http://127.0.0.1:1",
        login_kind="api_key",
        placeholder="placeholder",
        model="sonnet",
    )
    return replace(base, **changes)


def test_there_is_recorded_output_of_two_versions():
    assert len(VERSIONS) >= 2


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_of_a_finished_session_is_read(version):
    result = read_result(ENDED, recorded(version, "success"), "", ProviderAnswer(status=200))
    report = result.report
    assert (result.outcome, result.detail) == (Outcome.FINISHED, "")
    assert (report.result_text, report.is_error, report.subtype) == ("done", False, "success")
    assert (report.terminal_reason, report.num_turns, report.cli_version) == ("completed", 2, version)
    assert report.tokens == Tokens(input_tokens=200, output_tokens=40, cache_creation_tokens=100, cache_read_tokens=20)
    assert report.session_id
    assert report.cost_usd == pytest.approx(sum(cost for _, cost in report.cost_by_model_usd))
    assert report.cost_usd > 0
    assert report.duration_api_s > 0
    assert "Bash" in report.tools
    assert report.model.startswith("claude-opus")
    assert report.unknown_events == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_structured_answer(version):
    report = read_result(ENDED, recorded(version, "structured"), "", None).report
    assert json.loads(report.structured_output) == {"answer": "x"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "answer", "outcome"),
    [
        ("rate_limited", ProviderAnswer(status=429, error_type="rate_limit_error"), Outcome.RATE_LIMITED),
        ("refused_login", ProviderAnswer(status=401, error_type="authentication_error"), Outcome.AUTH_FAILED),
    ],
)
def test_provider_refusals_are_no_results(version, name, answer, outcome):
    result = read_result(FAILED, recorded(version, name), "", answer)
    assert result.outcome is outcome
    assert str(answer.status) in result.detail
    assert result.report.api_error_status == answer.status
    assert result.report.is_error is True


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (ProviderAnswer(status=529, error_type="overloaded_error", after_success=True), Outcome.PROVIDER_ERROR),
        (ProviderAnswer(status=500, after_success=True), Outcome.PROVIDER_ERROR),
        (ProviderAnswer(status=404), Outcome.PROVIDER_ERROR),
        (ProviderAnswer(status=400), Outcome.PROVIDER_ERROR),
        (ProviderAnswer(status=400, after_success=True), Outcome.CRASHED),
        (ProviderAnswer(status=400, after_success=True, error_message="Your credit balance is too low"),
         Outcome.AUTH_FAILED),
        (ProviderAnswer(status=403), Outcome.AUTH_FAILED),
        (ProviderAnswer(status=200), Outcome.CRASHED),
        (None, Outcome.CRASHED),
    ],
)  # fmt: skip
def test_who_is_to_blame_for_a_session_without_a_result(answer, outcome):
    assert read_result(FAILED, [], "", answer).outcome is outcome


def test_words_in_output_blame_nobody():
    error_text = "429 rate limit overloaded 401 unauthorized"
    result = read_result(FAILED, [b"429 Too Many Requests\n"], error_text, ProviderAnswer(status=200))
    assert result.outcome is Outcome.CRASHED
    assert error_text in result.detail


def test_timeout_is_a_result_unless_the_provider_refused():
    assert read_result(STOPPED, [], "", ProviderAnswer(status=200)).outcome is Outcome.TIMED_OUT
    assert read_result(STOPPED, [], "", ProviderAnswer(status=429)).outcome is Outcome.RATE_LIMITED


def test_signal_is_a_crash_that_names_it():
    result = read_result(replace(ENDED, exit_code=None, signal=9), [], "", ProviderAnswer(status=200))
    assert result.outcome is Outcome.CRASHED
    assert "signal 9" in result.detail


def test_own_limits():
    def ended(subtype: str) -> Outcome:
        line = json.dumps({"type": "result", "subtype": subtype, "is_error": True}).encode()
        return read_result(FAILED, [line], "", ProviderAnswer(status=200)).outcome

    assert ended("error_max_budget_usd") is Outcome.OVER_BUDGET
    assert ended("error_max_turns") is Outcome.FINISHED
    assert ended("error_max_structured_output_retries") is Outcome.FINISHED
    assert ended("error_during_execution") is Outcome.CRASHED


@pytest.mark.parametrize(
    "noise",
    [
        b"not json\n",
        b"[1, 2]\n",
        b'"text"\n',
        b"\xff\xfe\n",
        b'{"type": "brand_new", "x": 1}\n',
        b'{"type": "system", "subtype": "init", "tools": 5, "model": {}}\n',
        b'{"no": "type"}\n',
    ],
)
def test_noise_and_new_events_change_nothing(noise):
    lines = recorded(VERSIONS[0], "success")
    plain = read_result(ENDED, lines, "", None)
    noisy = read_result(ENDED, [noise, *lines], "", None)
    assert replace(noisy.report, unknown_events=0) == plain.report


@pytest.mark.parametrize("field", ["usage", "modelUsage", "total_cost_usd", "num_turns", "result", "session_id"])
@pytest.mark.parametrize("value", [None, "text", [], {"a": {"b": 1}}, True])
def test_fields_of_other_shapes_never_break_a_run(field, value):
    lines = recorded(VERSIONS[0], "success")
    end = {**json.loads(lines[-1]), field: value}
    result = read_result(ENDED, [*lines[:-1], json.dumps(end).encode()], "", None)
    assert result.outcome is Outcome.FINISHED


def test_prompt_is_given_on_standard_input_and_never_as_an_argument():
    made = command(request())
    assert made.stdin == Path("/p/prompt.md")
    assert not [word for word in made.argv if "prompt.md" in word]


def test_environment_is_an_allow_list_without_secrets():
    made = command(request(is_root=True))
    assert set(made.env) == {
        "PATH", "HOME", "TMPDIR", "CLAUDE_CODE_TMPDIR", "LANG", "SHELL", "TERM", "TZ", "ANTHROPIC_BASE_URL",
        "ANTHROPIC_API_KEY", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "CLAUDE_CODE_MAX_RETRIES",
        "DISABLE_AUTOUPDATER", "IS_SANDBOX", "GIT_CONFIG_NOSYSTEM",
    }  # fmt: skip
    assert made.env["ANTHROPIC_API_KEY"] == "placeholder"
    assert "CLAUDE_CODE_OAUTH_TOKEN" in command(request(login_kind="oauth")).env
    assert "IS_SANDBOX" not in command(request()).env


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [(SystemPrompt.NONE, "", [""]), (SystemPrompt.CUSTOM, "Be brief.", ["Be brief."]), (SystemPrompt.DEFAULT, "", [])],
)
def test_system_prompt(mode, text, expected):
    argv = command(request(setup=Setup(system_prompt=mode, system_prompt_text=text))).argv
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "--system-prompt"] == expected


def test_only_flags_that_the_version_knows():
    old = replace(request().cli, flags=frozenset())
    argv = command(request(cli=old, max_cost_usd=2.0)).argv
    assert not set(argv) & NEWER_FLAGS
    assert set(command(request(max_cost_usd=2.0)).argv) >= NEWER_FLAGS


def test_judges_have_no_tools_and_a_schema():
    argv = command(request(setup=Setup(tools=()), answer_schema='{"type":"object"}')).argv
    assert argv[argv.index("--tools") + 1] == ""
    assert argv[argv.index("--json-schema") + 1] == '{"type":"object"}'


def test_what_a_set_up_gives_is_on_the_command_line():
    definition = json.dumps(
        {"command": "{servers}/x", "args": ["{workspace}", "--home={home}"], "env": {"T": "{temp}"}}
    )
    setup = Setup(
        system_prompt=SystemPrompt.APPENDED, system_prompt_text="Be brief.", main_agent="lead", agents=("lead",),
        tools=("Read", "Agent"), mcp_servers=(McpServer(name="x", definition=definition),), agent_teams=True,
        plugins=(Plugin(name="advice", files=(OverlayFile(path="a", content=b""),)),),
    )  # fmt: skip
    given = command(request(setup=setup, servers=Path("/s"), plugins=Path("/w/home/plugins")))
    argv = given.argv
    assert argv[argv.index("--append-system-prompt") + 1] == "Be brief."
    assert "--system-prompt" not in argv
    assert argv[argv.index("--agent") + 1] == "lead"
    assert argv[argv.index("--tools") + 1] == "Read,Agent"
    assert argv[argv.index("--plugin-dir") + 1] == "/w/home/plugins/advice"
    assert argv[argv.index("--mcp-config") + 1] == "/w/home/servers.json"
    ((path, text),) = given.files
    assert path == Path("/w/home/servers.json")
    assert json.loads(text) == {
        "mcpServers": {
            "x": {
                "alwaysLoad": True, "command": "/s/x", "args": ["/w/project", "--home=/w/home"], "env": {"T": "/w/tmp"}
            }
        }
    }  # fmt: skip
    assert given.env["CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS"] == "1"
    plain = command(request())
    assert not {"--agent", "--tools", "--mcp-config", "--plugin-dir", "--append-system-prompt"} & set(plain.argv)
    assert not {name for name in plain.env if name.startswith("MCP_") or name.endswith("TEAMS")}


def test_what_did_not_reach_the_session_is_named():
    server = McpServer(name="git", definition="{}")
    setup = Setup(
        skills=("s",), agents=("a",), tools=("Read", "Agent"), mcp_servers=(server,),
        plugins=(Plugin(name="advice", files=()),),
    )  # fmt: skip
    good = CliReport(
        tools=("Task", "Read", "mcp__git__status"), skills=("s", "other"), agents=("a", "Explore"),
        plugins=("advice",), mcp_servers=(("git", "connected"),),
    )  # fmt: skip
    assert undelivered(setup, good) == ()
    assert undelivered(setup, replace(good, mcp_servers=(("git", "failed"),))) == ("MCP server git (failed)",)
    assert undelivered(setup, replace(good, mcp_servers=())) == ("MCP server git (not started)",)
    assert undelivered(setup, replace(good, skills=())) == ("skill s",)
    assert undelivered(setup, replace(good, agents=())) == ("sub-agent a",)
    assert undelivered(setup, replace(good, plugins=())) == ("plug-in advice",)
    assert undelivered(setup, replace(good, tools=("Read", "Bash"))) == ("tool Bash (not asked for)",)
    assert undelivered(setup, CliReport()) == (), "a session that never began says nothing"
