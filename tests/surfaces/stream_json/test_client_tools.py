"""Messages to servers of the client go over its pipe, and every failure of the pipe is the server's."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from tests.surfaces.stream_json.wires import KeptWire
from tianting.mcp.messages import McpFailed
from tianting.protocol.client_lines import Answered, Refused
from tianting.surfaces.stream_json.client_tools import exchange_over
from tianting.surfaces.stream_json.link import ControlLink
from tianting.surfaces.stream_json.outlet import Outlet

pytestmark = pytest.mark.anyio
PING = {"jsonrpc": "2.0", "id": "1", "method": "ping", "params": {}}
PONG = {"jsonrpc": "2.0", "id": "1", "result": {}}


async def outcome_when(happens: Callable[[ControlLink], None], wire: KeptWire | None = None) -> Any:
    """What the exchange gives back or raises, when something happens while it waits."""
    link = ControlLink(Outlet(wire or KeptWire()), lambda: "q1")
    outcomes: list[Any] = []

    async def exchange() -> None:
        try:
            outcomes.append(await exchange_over(link, "calc")(PING))
        except McpFailed as failure:
            outcomes.append(str(failure))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exchange)
            await anyio.wait_all_tasks_blocked()
            happens(link)
    return outcomes[0]


def answering(payload: Any) -> Callable[[ControlLink], None]:
    return lambda link: link.answered(Answered(request_id="q1", payload=payload))


async def test_message_and_answer_go_over_the_pipe() -> None:
    wire = KeptWire()

    answer = await outcome_when(
        lambda link: link.answered(Answered(request_id="q1", payload={"mcp_response": PONG})), wire
    )

    assert wire.lines[0]["request"] == {"subtype": "mcp_message", "server_name": "calc", "message": PING}
    assert answer == PONG


@pytest.mark.parametrize(
    ("happens", "complaint"),
    [
        pytest.param(lambda link: link.close(), "The client is gone.", id="the client is gone"),
        pytest.param(
            lambda link: link.answered(Refused(request_id="q1", error="No server.")),
            "The client could not pass it on: No server.",
            id="an error",
        ),
        pytest.param(answering(None), "The client's answer holds no mcp_response.", id="nothing"),
        pytest.param(answering({}), "The client's answer holds no mcp_response.", id="an empty object"),
        pytest.param(answering("pong"), "The client's answer holds no mcp_response.", id="words"),
    ],
)
async def test_what_is_no_answer_fails(happens: Callable[[ControlLink], None], complaint: str) -> None:
    assert await outcome_when(happens) == complaint


async def test_client_that_stopped_reading_is_gone() -> None:
    wire = KeptWire()
    wire.is_gone = True

    assert await outcome_when(lambda link: None, wire) == "The client is gone."
