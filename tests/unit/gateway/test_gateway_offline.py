"""The offline model speaks the provider's language and plays its scenario, the same way every time."""

import asyncio
import json
import time

import aiohttp
import pytest

from scylla.domain.scenario import Failure, Scenario, Script, ToolCall, Turn
from scylla.gateway.metering import StreamMeter
from scylla.gateway.offline import OfflineModel

BASH = ToolCall(name="Bash", input_json='{"command": "ls"}')
TURNS = (Turn(text="First.", tool_calls=(BASH, BASH)), Turn(text="Second."))


def scenario(*turns, judge=()):
    return Scenario(agent=(Script(turns=turns or TURNS),), judge=(Script(turns=judge or (Turn(text="Judged."),)),))


def messages(assistants: int):
    talk = [{"role": "user", "content": "go"}]
    for _ in range(assistants):
        talk += [{"role": "assistant", "content": "…"}, {"role": "user", "content": "result"}]
    return talk


def with_model(work, played=None, role="agent"):
    async def main():
        async with OfflineModel() as model, aiohttp.ClientSession() as client:
            return await work(model.open(played or scenario(), role), client)

    return asyncio.run(asyncio.wait_for(main(), 20))


async def ask(url, client, assistants=0, **body):
    request = {"model": "m", "messages": messages(assistants), **body}
    async with client.post(f"{url}/v1/messages", json=request) as response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return response.status, headers, await response.read()


async def answer(url, client, assistants=0, **body):
    status, _, content = await ask(url, client, assistants, **body)
    assert status == 200, content
    return json.loads(content)


def test_turn_is_chosen_by_the_conversation_alone():
    async def work(url, client):
        return [await answer(url, client, number) for number in (1, 0, 2, 0, 5)]

    second, first, beyond, again, far = with_model(work)
    assert first == again
    assert [block["type"] for block in first["content"]] == ["text", "tool_use", "tool_use"]
    assert first["stop_reason"] == "tool_use"
    assert first["content"][1]["input"] == {"command": "ls"}
    assert len({block["id"] for block in first["content"][1:]}) == 2
    assert (second["content"][0]["text"], second["stop_reason"]) == ("Second.", "end_turn")
    assert beyond["content"] == far["content"] == second["content"]


def test_last_turn_is_repeated_without_its_tools():
    async def work(url, client):
        return await answer(url, client, 3)

    content = with_model(work, scenario(Turn(text="Only.", tool_calls=(BASH,))))["content"]
    assert content == [{"type": "text", "text": "Only."}]


def test_stream_says_the_same_as_the_document():
    async def work(url, client):
        return await answer(url, client), (await ask(url, client, stream=True))[2]

    document, streamed = with_model(work, scenario(Turn(text="é" * 1000, tool_calls=(BASH,))))
    events = [json.loads(line[6:]) for line in streamed.decode().splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in events][:2] == ["message_start", "content_block_start"]
    assert events[-1]["type"] == "message_stop"
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == "é" * 1000
    assert json.loads("".join(delta.get("partial_json", "") for delta in deltas)) == {"command": "ls"}
    meter = StreamMeter()
    meter.feed(streamed)
    reading = meter.reading()
    assert (reading.complete, reading.is_final) == (True, True)
    assert reading.tokens.output_tokens == document["usage"]["output_tokens"]
    assert reading.tokens.cache_creation_tokens == document["usage"]["cache_creation_input_tokens"]


def test_counts_come_from_the_request_alone_and_the_prefix_is_cached():
    async def work(url, client):
        return [(await answer(url, client, number, system="s" * 4000))["usage"] for number in (0, 1, 1)]

    first, second, same = with_model(work)
    assert second == same
    assert first["cache_read_input_tokens"] == 0
    assert first["cache_creation_input_tokens"] > 1000
    assert second["cache_read_input_tokens"] > 1000 > second["cache_creation_input_tokens"]


def test_counts_can_be_fixed():
    turn = Turn(text="x", input_tokens=1, output_tokens=2, cache_creation_tokens=3, cache_read_tokens=4)
    usage = with_model(answer, scenario(turn))["usage"]
    assert [usage[name] for name in ("input_tokens", "output_tokens")] == [1, 2]
    assert [usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]] == [3, 4]


def test_failure_is_given_as_often_as_it_says_at_each_address():
    failure = Failure(status=529, kind="overloaded_error", message="busy", headers=(("retry-after", "3"),), times=2)

    async def work(url, client):
        return [await ask(url, client) for _ in range(3)]

    (status, headers, body), second, third = with_model(work, scenario(Turn(text="ok", failure=failure)))
    assert (status, headers["retry-after"]) == (529, "3")
    document = json.loads(body)
    assert (document["type"], document["error"]["type"]) == ("error", "overloaded_error")
    assert document["request_id"] == headers["request-id"]
    assert (second[0], third[0]) == (529, 200)


def test_connection_can_be_dropped():
    drop = Failure(status=0, kind="", message="")
    with pytest.raises(aiohttp.ClientError):
        with_model(answer, scenario(Turn(failure=drop)))


def test_delay_comes_before_and_stall_after_the_first_text():
    async def work(url, client):
        started = time.monotonic()
        request = {"model": "m", "messages": messages(0), "stream": True}
        async with client.post(f"{url}/v1/messages", json=request) as response:
            head_s = time.monotonic() - started
            await response.content.readuntil(b"text_delta")
            text_s = time.monotonic() - started
            await response.read()
        return head_s, text_s, time.monotonic() - started

    head_s, text_s, end_s = with_model(work, scenario(Turn(text="hello", delay_s=0.3, stall_s=0.5)))
    assert head_s >= 0.3
    assert text_s < 0.75
    assert end_s >= 0.8


def test_scripts_are_chosen_by_the_words_of_the_request():
    played = Scenario(
        agent=(
            Script(turns=(Turn(text="special"),), when_contains="magic word"),
            Script(turns=(Turn(text="plain"),), when_contains="go"),
        ),
        judge=(),
    )

    async def work(url, client):
        return await answer(url, client, system=[{"text": "the magic word"}]), await answer(url, client)

    special, plain = with_model(work, played)
    assert (special["content"][0]["text"], plain["content"][0]["text"]) == ("special", "plain")


def test_judge_has_scripts_of_its_own():
    assert with_model(answer, role="judge")["content"][0]["text"] == "Judged."


def test_every_answer_has_rate_limit_headers():
    async def work(url, client):
        good = await ask(url, client)
        async with client.post(f"{url}/v1/messages/count_tokens", json={"messages": messages(0)}) as response:
            counted = (response.status, response.headers, await response.read())
        return good, counted, await ask(url, client, messages=[])

    answers = with_model(work)
    assert [status for status, _, _ in answers] == [200, 200, 400]
    assert json.loads(answers[1][2])["input_tokens"] > 0
    for _, headers, _ in answers:
        assert headers["anthropic-ratelimit-requests-remaining"]
        assert headers["request-id"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/messages", b"no json", 400),
        ("POST", "/v1/messages", b"{}", 400),
        ("POST", "/v1/messages", b'{"messages": 5}', 400),
        ("POST", "/v1/unknown", b"{}", 404),
        ("GET", "/v1/messages", b"", 404),
        ("GET", "", b"", 200),
        ("HEAD", "", b"", 200),
    ],
)
def test_bad_requests_are_told_like_the_provider_does(method, path, body, status):
    async def work(url, client):
        async with client.request(method, url + path, data=body) as response:
            return response.status, await response.read()

    got, content = with_model(work)
    assert got == status
    if status >= 400:
        assert json.loads(content)["type"] == "error"


@pytest.mark.parametrize("path", ["/", "/0/v1/messages", "/99/v1/messages", "/x/v1/messages", "/%C2%B2/v1/messages"])
def test_addresses_where_nothing_is_played(path):
    async def work(url, client):
        base = url.rsplit("/", 1)[0]
        async with client.post(base + path, json={}) as response:
            return response.status

    assert with_model(work) == 404


def test_tool_that_the_cli_did_not_offer_is_called_all_the_same():
    unknown = ToolCall(name="NoSuchTool", input_json="{}")

    async def work(url, client):
        return await answer(url, client, tools=[{"name": "Bash", "input_schema": {"type": "object"}}])

    (block,) = with_model(work, scenario(Turn(tool_calls=(unknown,))))["content"]
    assert (block["type"], block["name"], block["input"]) == ("tool_use", "NoSuchTool", {})


def test_ids_of_tool_calls_are_the_same_every_time_and_unique_in_a_conversation():
    turns = [Turn(tool_calls=(BASH,) * 3)] * 4

    async def work(url, client):
        return [block["id"] for number in range(4) for block in (await answer(url, client, number))["content"]]

    ids = with_model(work, scenario(*turns))
    assert len(set(ids)) == 12
    assert with_model(work, scenario(*turns)) == ids


def test_failures_of_two_turns_and_two_addresses_are_counted_apart():
    busy = Failure(status=529, kind="overloaded_error", message="busy", times=1)
    played = scenario(Turn(text="one", failure=busy), Turn(text="two", failure=busy))

    async def main():
        async with OfflineModel() as model, aiohttp.ClientSession() as client:
            urls = [model.open(played, "agent") for _ in range(2)]
            asked = [(url, number) for number in (0, 1) for url in urls for _ in range(2)]
            return [(await ask(url, client, number))[0] for url, number in asked]

    assert asyncio.run(main()) == [529, 200] * 4


def test_failure_without_a_number_never_ends():
    busy = Failure(status=503, kind="api_error", message="down")

    async def work(url, client):
        return {(await ask(url, client))[0] for _ in range(5)}

    assert with_model(work, scenario(Turn(text="never", failure=busy))) == {503}


def test_no_script_for_a_request_is_told():
    played = Scenario(agent=(Script(turns=TURNS, when_contains="magic"),), judge=())
    status, _, content = with_model(ask, played)
    assert (status, json.loads(content)["error"]["type"]) == (400, "invalid_request_error")


def test_half_a_character_in_the_request_stops_no_answer():
    async def work(url, client):
        half = "cut \ud83d"
        request = {"model": half, "stream": True, "messages": [{"role": "user", "content": half}]}
        async with client.post(f"{url}/v1/messages", json=request) as response:
            return response.status, await response.read()

    status, content = with_model(work)
    assert status == 200
    assert b"message_stop" in content


def test_counting_tokens_plays_no_turn():
    busy = Failure(status=529, kind="overloaded_error", message="busy", times=1)

    async def work(url, client):
        async with client.post(f"{url}/v1/messages/count_tokens", json={"messages": messages(0)}) as response:
            counted = response.status
        return counted, (await ask(url, client))[0]

    assert with_model(work, scenario(Turn(text="x", failure=busy))) == (200, 529)
