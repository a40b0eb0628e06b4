"""Whatever is broken off at the SDK's word: the turn ends in order, the next one works, and nothing is left behind."""

import signal
import sys
from pathlib import Path
from subprocess import DEVNULL

import anyio
import pytest
from claude_agent_sdk import (
    Message,
    PermissionResultAllow,
    ResultMessage,
    StreamEvent,
    SystemMessage,
    ToolPermissionContext,
)

from tests.end_to_end.sdk_stage import MODEL, Talk, answering, over, plain, said, spoken, talking, unanswered
from tests.end_to_end.stage import CLAUDE, PATIENCE, Line, Stage, is_alive, until
from tianting.models.scripted import calls, says
from tianting.models.scripted_faults import Fault

pytestmark = pytest.mark.anyio

SLOW = calls("Bash", call_id="c1", command="echo $$ > pid; mv pid begun; sleep 60")
HANGS = says("This takes a very long time.", fault=Fault(kind="hang_mid_stream"))
BUSY = says(fault=Fault(kind="status", status=529, retry_after=60))


async def broken_off(talk: Talk) -> ResultMessage:
    """Interrupt, and hear how the turn ended."""
    await talk.client.interrupt()
    return await ended(talk)


async def ended(talk: Talk) -> ResultMessage:
    message = plain(await talk.until(ResultMessage))
    assert isinstance(message, ResultMessage)
    return message


async def goes_on(talk: Talk) -> list[Message]:
    """Another turn, whose history a provider would take."""
    heard = await talk.ask("Go on.")
    assert unanswered(talk.sent()) == []
    assert spoken(talk.sent())[-1] == ("user", "Go on.")
    return heard


def how(result: ResultMessage) -> tuple[str, bool, str | None]:
    return result.subtype, result.is_error, result.terminal_reason


async def test_interrupt_in_an_answer(library_stage: Stage) -> None:
    async with talking(library_stage, HANGS, says("Here I am."), include_partial_messages=True) as talk:
        await talk.client.query("Think.")
        await talk.until(StreamEvent)

        result = await broken_off(talk)
        heard = await goes_on(talk)

    assert how(result) == ("error_during_execution", True, "aborted_streaming")
    assert [message for message in heard if not isinstance(message, StreamEvent)] == [
        said("Here I am."),
        over("Here I am."),
    ]


async def test_interrupt_in_a_tool(library_stage: Stage) -> None:
    async with talking(library_stage, says("", SLOW), says("Here I am."), allowed_tools=["Bash"]) as talk:
        await talk.client.query("Wait.")
        await until((library_stage.project / "begun").exists)

        result = await broken_off(talk)
        assert not is_alive(int((library_stage.project / "begun").read_text()))
        heard = await goes_on(talk)

    assert how(result) == ("error_during_execution", True, "aborted_tools")
    assert heard == [said("Here I am."), over("Here I am.")]


async def test_interrupt_while_a_provider_is_waited_for(library_stage: Stage) -> None:
    async with talking(library_stage, BUSY, says("Here I am.")) as talk:
        await talk.client.query("Try.")
        await talk.until(SystemMessage, "api_retry")

        result = await broken_off(talk)
        heard = await goes_on(talk)

    assert how(result) == ("error_during_execution", True, "aborted_streaming")
    assert heard == [said("Here I am."), over("Here I am.")]


async def test_interrupt_while_a_question_is_open(library_stage: Stage) -> None:
    asked, given_up = anyio.Event(), anyio.Event()

    async def hesitate(name: str, arguments: Line, context: ToolPermissionContext) -> PermissionResultAllow:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            given_up.set()
        raise AssertionError

    async with talking(library_stage, says("", SLOW), says("Here I am."), can_use_tool=hesitate) as talk:
        await talk.client.query("May you?")
        await asked.wait()

        result = await broken_off(talk)
        await given_up.wait()
        heard = await goes_on(talk)

    assert how(result) == ("error_during_execution", True, "aborted_tools")
    assert heard == [said("Here I am."), over("Here I am.")]
    assert not (library_stage.project / "begun").exists()


async def test_interrupt_of_nothing_harms_nothing(library_stage: Stage) -> None:
    async with talking(library_stage, says("Here I am.")) as talk:
        await talk.client.interrupt()

        assert await talk.ask("Hello?") == [said("Here I am."), over("Here I am.")]


DYING_CLIENT = f"""
import anyio
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient

async def main():
    options = ClaudeAgentOptions(cli_path={CLAUDE!r}, model={MODEL!r}, allowed_tools=["Bash"])
    async with ClaudeSDKClient(options) as client:
        await client.query("Wait.")
        async for _ in client.receive_response():
            pass

anyio.run(main)
"""


async def test_client_that_is_killed_takes_a_running_tool_along(library_stage: Stage) -> None:
    begun = library_stage.project / "begun"
    with anyio.fail_after(PATIENCE):
        async with answering(library_stage, says("", SLOW)):
            command = [sys.executable, "-c", DYING_CLIENT]
            client = await anyio.open_process(
                command, stdin=DEVNULL, stdout=DEVNULL, cwd=library_stage.project, env=library_stage.environment
            )
            async with client:
                await until(begun.exists)
                tool = int(begun.read_text())
                program = _parent_in_project(client.pid)
                client.send_signal(signal.SIGKILL)
                await until(lambda: not is_alive(tool) and not is_alive(program))


def _parent_in_project(client: int) -> int:
    """The only child of the client."""
    [child] = Path(f"/proc/{client}/task/{client}/children").read_text().split()
    return int(child)
