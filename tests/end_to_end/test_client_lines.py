"""A client that writes its lines by hand, with what no SDK lets anybody say."""

import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.end_to_end.stage import Line, Running, Stage, playing
from tianting.models.scripted import Reply, calls, says

pytestmark = pytest.mark.anyio

LINES = ("--input-format", "stream-json", "--output-format", "stream-json", "--verbose")


@asynccontextmanager
async def serving(stage: Stage, *replies: Reply, more: tuple[str, ...] = ()) -> AsyncGenerator[Running, None]:
    async with playing(*replies) as server:
        stage.toward(server)
        pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
        async with stage.running(*LINES, *more, **pipes) as running:
            yield running


def prompt(text: str) -> Line:
    return {"type": "user", "message": {"role": "user", "content": text}}


def request(request_id: str, subtype: str, **fields: Any) -> Line:
    return {"type": "control_request", "request_id": request_id, "request": {"subtype": subtype, **fields}}


def is_result(line: Line) -> bool:
    return bool(line["type"] == "result")


def answers(request_id: str) -> Any:
    return lambda line: line["type"] == "control_response" and line["response"]["request_id"] == request_id


def asks(subtype: str) -> Any:
    return lambda line: line["type"] == "control_request" and line["request"]["subtype"] == subtype


async def test_commands_see_no_secret_that_comes_later(stage: Stage) -> None:
    variables = {"COLOUR": "blue", "GITHUB_TOKEN": "ghp_1", "SAID_TOKEN": "t", "ANTHROPIC_API_KEY": "k"}
    stage.write("settings.json", '{"passEnvironment": ["SAID_TOKEN"]}')
    show = calls("Bash", command='echo "$COLOUR-$GITHUB_TOKEN-$SAID_TOKEN-$ANTHROPIC_API_KEY"')
    more = ("--allowedTools", "Bash", "--settings", "settings.json")

    async with serving(stage, says("", show), says("Done."), more=more) as running:
        await running.say({"type": "update_environment_variables", "variables": variables}, prompt("Show."))
        await running.line(is_result)

    [shown] = [line["message"]["content"][0]["content"] for line in running.seen if line["type"] == "user"]
    assert shown.splitlines()[0] == "blue--t-"


async def test_client_cannot_lift_the_permissions_that_the_session_began_with(stage: Stage) -> None:
    replies = (says("", calls("Bash", command="touch a")), says("", calls("Bash", command="touch b")), says("Done."))
    bypass = {"type": "setMode", "mode": "bypassPermissions", "destination": "userSettings"}

    async with serving(stage, *replies, more=("--permission-prompt-tool", "stdio")) as running:
        await running.say(prompt("Touch both."))
        first = await running.line(asks("can_use_tool"))
        yes = {"behavior": "allow", "updatedInput": first["request"]["input"], "updatedPermissions": [bypass]}
        response = {"subtype": "success", "request_id": first["request_id"], "response": yes}
        await running.say({"type": "control_response", "response": response})
        second = await running.line(lambda line: is_result(line) or asks("can_use_tool")(line))

    assert second["request"]["input"] == {"command": "touch b"}
    assert not (stage.home / "settings.json").exists()


async def test_interrupted_while_a_server_of_the_client_is_silent(stage: Stage) -> None:
    async with serving(stage, says("Done.")) as running:
        await running.say(request("r1", "initialize", sdkMcpServers=["slow"]), prompt("Go."))
        await running.line(answers("r1"))
        await running.line(asks("mcp_message"))
        await running.say(request("r2", "interrupt"))
        ended = await running.line(is_result)

    assert (ended["subtype"], ended["num_turns"]) == ("error_during_execution", 1)


async def test_signal_is_the_exit_code_also_when_nobody_reads(stage: Stage) -> None:
    long = calls("Bash", command="head -c 30000 /dev/zero | tr '\\0' x")

    async with serving(stage, *(says("", long) for _ in range(20)), more=("--allowedTools", "Bash")) as running:
        await running.say(prompt("Go."))
        await running.line(lambda line: line["type"] == "user")
        running.tell(signal.SIGTERM)
        code = await running.process.wait()

    assert code == 143
