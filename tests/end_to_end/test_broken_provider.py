"""Providers that refuse, hang, break off or are not there: what passes is waited out, what does not is one line."""

import socket

import msgspec
import pytest

from tests.end_to_end.stage import KEY, Stage, body, is_system, playing
from tianting.models.scripted import Reply, Script, calls, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.messages import unanswered_calls
from tianting.session.reading import load
from tianting.testing.model_server import ServerOptions, serve

pytestmark = pytest.mark.anyio

QUICK = ("--settings", '{"providers": {"anthropic": {"longestSilence": 0.2}}}')
LOOK = says("Looking.", calls("Glob", pattern="*"))


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        pytest.param(Fault(kind="status", retry_after=0), "overloaded (529)", id="overloaded"),
        pytest.param(Fault(kind="status", status=429, retry_after=0), "rate limit (429)", id="rate limit"),
        pytest.param(Fault(kind="status", status=500), "server error (500)", id="server error"),
        pytest.param(Fault(kind="garbage_html"), "server error (502)", id="page of a proxy"),
        pytest.param(Fault(kind="truncate"), "broken stream", id="truncated"),
        pytest.param(Fault(kind="disconnect"), "broken stream", id="disconnected"),
        pytest.param(Fault(kind="malformed"), "broken stream", id="malformed"),
        pytest.param(Fault(kind="stream_error", error_type="overloaded_error"), "overloaded", id="error in the stream"),
        pytest.param(Fault(kind="hang_before_headers"), "timeout", id="hanging before headers"),
        pytest.param(Fault(kind="hang_mid_stream"), "timeout", id="hanging in the stream"),
    ],
)
async def test_what_passes_is_asked_again(stage: Stage, fault: Fault, cause: str) -> None:
    async with playing(LOOK, says("Half of this " * 5, fault=fault), says("Whole.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Look.", "--verbose", *QUICK)

    retries = [line for line in ended.stderr.splitlines() if line.startswith("Retry")]
    assert (ended.code, ended.stdout, len(retries), len(server.requests)) == (0, "Whole.\n", 1, 3)
    assert retries[0].startswith("Retry 1 of 10 in ")
    assert cause in retries[0]
    history = load(stage.transcript).history
    assert (len(history), unanswered_calls(history)) == (5, [])


async def test_provider_says_when_to_come_back(stage: Stage) -> None:
    refused = Fault(kind="status", status=429, retry_after=1.3)
    async with playing(says(fault=refused), says("Here you are.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Hi.", "--output-format", "stream-json")

    first, second = (request.arrived_ns for request in server.requests)
    [retry] = filter(is_system("api_retry"), ended.lines)
    assert (ended.code, retry["retry_delay_ms"], retry["error_status"], retry["error"]) == (0, 1300, 429, "rate_limit")
    assert [line for line in ended.lines if line["type"] == "rate_limit_event"] == []  # it passes by itself
    assert second - first >= 1.3e9


async def test_endless_overload_ends_with_one_line(stage: Stage) -> None:
    async with playing(says(fault=Fault(kind="status", retry_after=0)), repeat_last=True) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Hi.", "--settings", '{"maxRetries": 2}', "--output-format", "json")
        text = await stage.run("-p", "Hi.", "--settings", '{"maxRetries": 0}')

    assert (ended.code, ended.result["is_error"], ended.result["api_error_status"]) == (1, True, 529)
    assert len(server.requests) == 3 + 1
    assert (text.code, text.stdout, text.stderr) == (1, "", "127.0.0.1 answered 529: Scripted overloaded_error\n")


async def test_network_that_is_down(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    stage.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}"}

    ended = await stage.run("-p", "Hi.", "--verbose", "--settings", '{"maxRetries": 1}')

    retry, end = ended.stderr.splitlines()
    assert (ended.code, ended.stdout) == (1, "")
    assert retry.endswith("connection")
    assert end.startswith("127.0.0.1 could not be reached: ")


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        pytest.param(
            Fault(kind="status", status=404, message="model: claude-nine"),
            "127.0.0.1 rejected the request (404): model: claude-nine - check the model's name and the base URL\n",
            id="unknown model",
        ),
        pytest.param(
            Fault(kind="status", status=402, message="No credit."),
            "The account behind the key in ANTHROPIC_API_KEY cannot pay (402): No credit.\n",
            id="no money",
        ),
        pytest.param(
            Fault(kind="status", status=429, retry_after=7200, message="No."),
            "127.0.0.1 answered 429: No. It asks to wait 120 minutes: try again then, or choose another model.\n",
            id="hours to wait",
        ),
    ],
)
async def test_what_does_not_pass_is_said_at_once(stage: Stage, fault: Fault, complaint: str) -> None:
    async with playing(says(fault=fault)) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Hi.")

    assert (ended.code, ended.stdout, ended.stderr, len(server.requests)) == (1, "", complaint, 1)


async def test_wrong_key(stage: Stage) -> None:
    async with playing(says("Hello.")) as server:
        stage.toward(server)
        stage.environment["ANTHROPIC_API_KEY"] = "sk-this-is-a-wrong-key"
        ended = await stage.run("-p", "Hi.")

    assert (ended.code, ended.stdout, len(server.requests)) == (1, "", 1)
    assert ended.stderr == (
        "The key in ANTHROPIC_API_KEY was refused (401). Set a valid one and try again: invalid API key\n"
    )


async def test_fallback_model_takes_over(stage: Stage) -> None:
    overloaded = says(fault=Fault(kind="status", retry_after=0), times=3)
    async with playing(overloaded, LOOK, says("Done by the other.")) as server:
        stage.toward(server)
        ended = await stage.run(
            "-p", "Look.", "--model", "opus", "--fallback-model", "haiku", "--output-format", "stream-json"
        )

    models = [body(server, index)["model"] for index in range(len(server.requests))]
    assert (ended.code, ended.result["result"]) == (0, "Done by the other.")
    assert models == [*["claude-opus-5-5"] * 3, *["claude-haiku-5-5"] * 2]
    assert any(line.get("subtype") == "model_fallback" for line in ended.lines)
    assert set(ended.result["modelUsage"]) == {"claude-haiku-5-5"}


async def test_fallback_may_be_another_provider_s(stage: Stage) -> None:
    overloaded = says(fault=Fault(kind="status", retry_after=0), times=3)
    script = Script(replies=(overloaded, says("Done by the other.")))
    async with serve(script, key=KEY, options=ServerOptions(order="arrival")) as server:
        stage.toward(server)
        settings = msgspec.json.encode({"fallbackModel": "gpt-6.2-sol"}).decode()
        ended = await stage.run("-p", "Hi.", "--settings", settings, "--verbose")

    paths = [request.path for request in server.requests]
    assert (ended.code, ended.stdout) == (0, "Done by the other.\n")
    assert paths == [*["/v1/messages"] * 3, "/v1/responses"]
    assert ended.stderr.splitlines()[-1] == "gpt-6.2-sol takes over from claude-sonnet-5-5: overloaded"


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "gpt-6.2-sol"])
async def test_slow_drip_arrives_whole(stage: Stage, model: str) -> None:
    async with playing(Reply(text="Slow, but sure. " * 10, fault=Fault(kind="drip"))) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Hi.", "--model", model)

    assert (ended.code, ended.stdout.rstrip()) == (0, ("Slow, but sure. " * 10).rstrip())
