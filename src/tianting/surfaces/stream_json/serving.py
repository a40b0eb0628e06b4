"""The agent driven by a program: JSON lines in and out, turn after turn, until the client ends its input.

    input → Reader ─┬→ Prompts → Session.inbox → Turns → Session.submit ─→ events ─→ encoder ─┐
                    ├→ Answers ─────────────────────────────────────────────────→ answers ────┼→ Outlet → output
                    └→ ControlLink ←─ permissions, hooks, tools of the client ──→ questions ──┘

The protocol is that of today's coding agents with `--input-format stream-json`.
"""

import anyio
from anyio.abc import TaskGroup

from tianting.protocol.errors import ProtocolError
from tianting.protocol.ids import NewId
from tianting.session.session import Session
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.printing import LineEncoder, StreamJsonSurface
from tianting.surfaces.stream_json.activity import Activity
from tianting.surfaces.stream_json.answering import Answers
from tianting.surfaces.stream_json.connection import Connection
from tianting.surfaces.stream_json.controls import Controls
from tianting.surfaces.stream_json.errands import Errands
from tianting.surfaces.stream_json.input import LONGEST_LINE, LineSplitter
from tianting.surfaces.stream_json.prompts import Prompts
from tianting.surfaces.stream_json.reader import Reader
from tianting.surfaces.stream_json.turns import Turns

UNREAD = 1
"""Exit code when nobody read to the end."""
PATIENCE = 10.0
"""Seconds that requests have which are still being worked on when all turns are over."""


async def serve(
    session: Session,
    controls: Controls,
    connection: Connection,
    encoder: LineEncoder,
    *,
    new_id: NewId,
    tells_state: bool = False,
    longest_line: int = LONGEST_LINE,
) -> int:
    """Serve the client until its input has ended and all is done. Returns the exit code.

    It is 0, or 1 where the last turn was no success or nobody reads any more. `tells_state` is for clients that want
    to hear when the session works and when it rests; `longest_line` is in bytes.
    Raises `ProtocolError` once the running turn was ended, and in a group what `Session.submit` raises.
    """
    surface = StreamJsonSurface(connection.outlet, encoder)
    session.listen(surface)
    code, complaint = 0, None
    try:
        async with anyio.create_task_group() as tasks:
            desk = _Desk(session, controls, connection, tasks, new_id=new_id, tells_state=tells_state)
            complaint = await desk.work(LineSplitter(longest_line))
            tasks.cancel_scope.cancel()
    except* OutputClosed:  # nobody reads any more, so nobody needs to be told
        code = UNREAD
    finally:
        connection.link.close()  # nobody reads answers any more, so hooks of the end must not wait for one
    if complaint is not None:
        raise complaint
    return code or surface.exit_code


class _Desk:
    """The parts that serve one client, joined."""

    def __init__(
        self,
        session: Session,
        controls: Controls,
        connection: Connection,
        tasks: TaskGroup,
        *,
        new_id: NewId,
        tells_state: bool,
    ) -> None:
        outlet, session_id = connection.outlet, session.facts.session_id
        activity = Activity(outlet, session_id, new_id, is_told=tells_state)
        prompts = Prompts(session.inbox, outlet, session_id, new_id)
        connection.link.watch(activity.person_is_asked)
        session.listen(prompts.hear)
        self._tasks = tasks
        self._outlet = outlet
        self._errands = errands = Errands(outlet, tasks)
        self._turns = Turns(session, controls, prompts, activity, errands=errands, outlet=outlet)
        answers = Answers(session, controls, prompts, activity, link=connection.link, outlet=outlet, errands=errands)
        self._reader = Reader(connection, session, prompts, answers)
        self._complaint: ProtocolError | None = None

    async def work(self, splitter: LineSplitter) -> ProtocolError | None:
        """Serve to the end. Gives back what was wrong with a line that ended it."""
        self._tasks.start_soon(self._outlet.run)
        self._tasks.start_soon(self._read, splitter)
        await self._turns.run()
        with anyio.move_on_after(PATIENCE):
            await self._errands.until_done()
        await self._outlet.flush()
        return self._complaint

    async def _read(self, splitter: LineSplitter) -> None:
        try:
            await self._reader.run(splitter)
        except ProtocolError as error:
            self._complaint = error
            self._turns.stop()
        self._reader.close()
