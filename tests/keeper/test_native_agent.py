"""Our own agent, forked from its warm image: the console script in all but the time it takes. Real processes."""

import json
import os
import signal
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.end_to_end.stage import KEY, playing
from tests.keeper.conftest import PATIENCE, KeptWindows, connected, launch, read_all, read_line, write
from tianting.keeper.words import Held
from tianting.models.scripted import Reply, calls, says
from tianting.testing.model_server import ModelServer

pytestmark = pytest.mark.anyio

PROTOCOL = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
ANYTHING = ("--permission-mode", "bypassPermissions")


@pytest.fixture
async def windows(directory: Path) -> AsyncGenerator[KeptWindows, None]:
    await launch(directory, "late_image:run")
    async with connected(directory) as windows:
        yield windows


async def test_console_script_runs(windows: KeptWindows) -> None:
    held, pipe = await windows.native("--version", environment=_environment(windows))

    assert b"(Tianting)" in await read_all(pipe)
    assert (await windows.end_of(held)).exit_code == 0


async def test_failure_ends_with_its_line_and_its_code(windows: KeptWindows) -> None:
    held, _ = await windows.native("--no-such-flag", environment=_environment(windows))

    assert (await windows.end_of(held)).exit_code == 2
    assert windows.log.read_text().startswith("tianting: No such option")


async def test_turn_with_tools_loads_nothing_that_is_not_warm(windows: KeptWindows) -> None:
    (windows.directory / "a.txt").write_text("hello")
    async with playing(*_turn_with_every_tool(windows.directory), says("Done.")) as server:
        held, pipe = await _agent(windows, server, *ANYTHING)
        await _say(pipe, {"type": "user", "message": {"role": "user", "content": "Go."}})
        result = await _until(pipe, "result")
        pipe.shutdown(socket.SHUT_WR)
        gone = await windows.end_of(held)

    assert (result["result"], gone.exit_code) == ("Done.", 0)
    assert json.loads(_late(windows).read_text()) == []


async def test_windows_know_nothing_of_each_other(windows: KeptWindows) -> None:
    async with playing(says("Done.")) as server:
        pipes = [(await _agent(windows, server, generation=generation))[1] for generation in (1, 2)]
        answers = [await _ask(pipe, "Who are you?") for pipe in pipes]

    assert len({answer["session_id"] for answer in answers}) == 2
    assert len({answer["uuid"] for answer in answers}) == 2


async def test_terminated_agent_ends_in_order(windows: KeptWindows) -> None:
    async with playing(says("Done.")) as server:
        held, pipe = await _agent(windows, server)
        await _ask(pipe, "Go.")

        await windows.link.end("w", 1, grace=30)

    assert (await windows.end_of(held)).exit_code == 128 + signal.SIGTERM


def _turn_with_every_tool(directory: Path) -> list[Reply]:
    inputs: dict[str, dict[str, Any]] = {
        "Bash": {"command": 'cd . && (echo $((1 + 1)) | cat) > b.txt; for f in *; do echo "$f"; done'},
        "Read": {"file_path": str(directory / "a.txt")},
        "Edit": {"file_path": str(directory / "a.txt"), "old_string": "hello", "new_string": "bye"},
        "Write": {"file_path": str(directory / "c.py"), "content": "x = 1\n"},
        "Glob": {"pattern": "*.txt"},
        "Grep": {"pattern": "bye"},
        "LS": {"path": str(directory)},
    }
    return [says("", calls(name, **given)) for name, given in inputs.items()]


async def _agent(
    windows: KeptWindows, server: ModelServer, *more: str, generation: int = 1
) -> tuple[Held, socket.socket]:
    """An agent that has answered its first request."""
    environment = {**_environment(windows), "ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": KEY}
    held, pipe = await windows.native(*PROTOCOL, *more, environment=environment, generation=generation)
    await _say(pipe, {"type": "control_request", "request_id": "1", "request": {"subtype": "initialize"}})
    await _until(pipe, "control_response")
    return held, pipe


async def _ask(pipe: socket.socket, prompt: str) -> dict[str, Any]:
    await _say(pipe, {"type": "user", "message": {"role": "user", "content": prompt}})
    return await _until(pipe, "result")


async def _say(pipe: socket.socket, message: dict[str, Any]) -> None:
    await write(pipe, json.dumps(message).encode() + b"\n")


async def _until(pipe: socket.socket, kind: str) -> dict[str, Any]:
    with anyio.fail_after(PATIENCE):
        while True:
            message: dict[str, Any] = json.loads(await read_line(pipe))
            if message["type"] == kind:
                return message


def _environment(windows: KeptWindows) -> dict[str, str]:
    home = str(windows.directory)
    return {"PATH": os.environ["PATH"], "HOME": home, "TIANTING_HOME": f"{home}/home", "LATE": str(_late(windows))}


def _late(windows: KeptWindows) -> Path:
    return windows.directory / "late.json"
