"""Works on prompts one after the other, and gives up when nobody is left to read what comes of them."""

import anyio

from tianting.agent.steering import Posted
from tianting.session.session import Session
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.stream_json.activity import Activity
from tianting.surfaces.stream_json.controls import Controls
from tianting.surfaces.stream_json.errands import Errands
from tianting.surfaces.stream_json.outlet import Outlet
from tianting.surfaces.stream_json.prompts import Prompts

LOOK_EVERY = 0.25
"""Seconds between two looks at a client while a turn runs: a command that says nothing would outlive it else."""


class Turns:
    """The turns of one session."""

    def __init__(
        self,
        session: Session,
        controls: Controls,
        prompts: Prompts,
        activity: Activity,
        *,
        errands: Errands,
        outlet: Outlet,
    ) -> None:
        self._session = session
        self._controls = controls
        self._prompts = prompts
        self._activity = activity
        self._errands = errands
        self._outlet = outlet
        self._stopped = False

    def stop(self) -> None:
        """End the running turn and begin no other."""
        self._stopped = True
        self._prompts.withdraw_all()
        self._session.interrupt()

    async def run(self) -> None:
        """Work until the inbox is closed and empty. Raises `OutputClosed` and what `Session.submit` raises."""
        while (posted := await self._session.inbox.next_prompt()) is not None:
            if not self._stopped:
                await self._turn(posted)
            self._prompts.turn_over()
            if not self._session.inbox.waiting():
                self._activity.rest()

    async def _turn(self, posted: Posted) -> None:
        self._activity.begin()
        self._prompts.started(posted.uuid)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._give_up_without_reader)
            await self._session.submit(posted.message, posted.uuid, get_ready=self._get_ready, asks=posted.asks)
            tasks.cancel_scope.cancel()

    async def _get_ready(self) -> None:
        await self._errands.until_settled()
        await self._controls.before_turn()

    async def _give_up_without_reader(self) -> None:
        while not self._outlet.reader_is_gone():
            await anyio.sleep(LOOK_EVERY)
        raise OutputClosed
