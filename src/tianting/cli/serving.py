"""`--input-format stream-json`: a session that a program drives, by lines in and out, turn after turn."""

import signal
from contextlib import suppress

import anyio

from tianting.cli.client_company import ClientCompany
from tianting.cli.controls import SessionControls
from tianting.cli.headless import PATIENCE, refuse
from tianting.cli.invocation import Invocation
from tianting.cli.mcp_servers import named_servers
from tianting.cli.running import Running
from tianting.cli.wiring import MakePerson, open_running
from tianting.mcp.servers import ClientServers
from tianting.protocol.errors import SessionError
from tianting.protocol.ids import random_uuid
from tianting.protocol.stream_json import StreamJsonEncoder
from tianting.surfaces.kept_lines import keep_in
from tianting.surfaces.output import DescriptorOutput
from tianting.surfaces.stream_json.client_hooks import asking_over
from tianting.surfaces.stream_json.client_person import ClientPerson, Permissions, over_link
from tianting.surfaces.stream_json.client_tools import exchange_over
from tianting.surfaces.stream_json.connection import Connection, connection_over
from tianting.surfaces.stream_json.input import DescriptorInput
from tianting.surfaces.stream_json.prompt_tool import through_tool
from tianting.surfaces.stream_json.serving import serve
from tianting.worktree.survey import PendingSurvey

STATE_VARIABLES = ("CLAUDE_CODE_SDK_READS_SESSION_STATE", "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS")
"""Set by clients that want to hear whether the session works or rests."""


async def run_serving(invocation: Invocation, survey: PendingSurvey) -> int:
    """Serve the client on standard input and output to its end, and return the exit code.

    Raises `TiantingError` for what can be known before.
    """
    output = DescriptorOutput(1)
    connection = connection_over(DescriptorInput(0), output, random_uuid)
    client = _Client(invocation, connection)
    try:
        async with open_running(invocation, survey, client.person, changes=True) as running:
            return await _until_told(running, client.company(running), connection, output)
    except SessionError as error:
        await refuse(invocation, error, output)
        raise


async def _until_told(
    running: Running, company: ClientCompany, connection: Connection, output: DescriptorOutput
) -> int:
    """Serve, ending in order at the first signal that asks for it. An interrupt is an end like that of the input."""
    served, told = 0, None

    async def watch() -> None:
        nonlocal told
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            told = await anext(signals)
        running.session.hurry()
        patience.start_soon(_leave_the_reader, output)
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as patience:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            served = await _serve(running, company, connection)
            tasks.cancel_scope.cancel()
        patience.cancel_scope.cancel()
    return served if told is None else _code_of(told)


def _code_of(number: signal.Signals) -> int:
    """As a shell would say it."""
    return 0 if number == signal.SIGINT else 128 + number


async def _serve(running: Running, company: ClientCompany, connection: Connection) -> int:
    invocation, session_id = running.invocation, running.session.facts.session_id
    encoder = StreamJsonEncoder(
        session_id,
        partial_messages=invocation.include_partial_messages,
        include_hook_events=invocation.include_hook_events,
        replay_user_messages=invocation.replay_user_messages,
        new_id=random_uuid,
        spill=keep_in(running.spill),
        names=running.log.names if running.log is not None else None,
    )
    return await serve(
        running.session,
        SessionControls(running, company),
        connection,
        encoder,
        new_id=random_uuid,
        tells_state=any(running.ground.environment.get(name) for name in STATE_VARIABLES),
    )


class _Client:
    """Whoever is on the other side of the pipes, and what it brings."""

    def __init__(self, invocation: Invocation, connection: Connection) -> None:
        self._invocation = invocation
        self._link = connection.link
        self._servers: ClientServers | None = None

    def company(self, running: Running) -> ClientCompany:
        """Its hooks and servers, for a session that is there."""
        self._servers = ClientServers(
            lambda name: exchange_over(self._link, name), spill=running.spill, new_id=random_uuid
        )
        self._servers.add(named_servers(self._invocation.mcp_config).of_client)
        return ClientCompany(servers=self._servers, ask_hook=asking_over(self._link))

    @property
    def person(self) -> MakePerson | None:
        """Somebody to be asked, where it says that there is one."""
        asked = self._invocation.permission_prompt_tool
        if asked is None or self._invocation.permission_prompts == "none":
            return None
        return lambda permissions: ClientPerson(
            over_link(self._link, permissions.question_timeout)
            if asked == "stdio"
            else through_tool(asked, lambda: self._servers.tools() if self._servers else ()),
            Permissions(
                suggested_updates=permissions.suggested_updates,
                apply_updates=permissions.apply_updates,
                directories=lambda: permissions.directories,
            ),
        )


async def _leave_the_reader(output: DescriptorOutput) -> None:
    """A client that reads no more must not keep an ending session alive."""
    await anyio.sleep(PATIENCE)
    with suppress(OSError):
        output.wait_no_longer()
