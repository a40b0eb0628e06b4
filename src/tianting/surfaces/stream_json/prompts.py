"""From a client's line to the model: without it nobody would know what became of a prompt.

queued → started (a turn begins with it, or hears it) → completed
      └→ cancelled (taken back, or refused)
"""

import logging
from typing import Literal

import msgspec

from tianting.agent.steering import Inbox, Posted
from tianting.protocol.client_lines import PromptLine
from tianting.protocol.events import Event, PromptDelivered
from tianting.protocol.ids import NewId
from tianting.protocol.stream_lines import CommandLifecycle
from tianting.protocol.system_lines import Informational
from tianting.surfaces.stream_json.outlet import Outlet

log = logging.getLogger(__name__)

_State = Literal["queued", "started", "completed", "cancelled"]

MOST_WAITING = 10_000
"""Prompts that may wait at once."""
MOST_BYTES = 256 << 20
"""Bytes that their lines may have together."""


class Prompts:
    """The prompts of one client, from their arrival to the end of their turn. Tells of those that have a uuid."""

    def __init__(self, inbox: Inbox, outlet: Outlet, session_id: str, new_id: NewId) -> None:
        self._inbox = inbox
        self._outlet = outlet
        self._session_id = session_id
        self._new_id = new_id
        self._seen: set[str] = set()
        self._waiting: dict[str, int] = {}
        """Bytes of each prompt that no turn has taken yet."""
        self._bytes_waiting = 0
        self._in_turn: list[str] = []

    def take(self, line: PromptLine, size: int) -> None:
        """Let `line` wait for the model. Never waits itself: the answer that a turn waits for may stand behind it.

        One that came before is dropped, because a transcript has room for each uuid once.
        """
        if line.uuid in self._seen:
            log.debug("the prompt %r came a second time", line.uuid)
        elif len(self._waiting) >= MOST_WAITING or self._bytes_waiting + size > MOST_BYTES:
            self._turn_away(line)
        else:
            self._let_wait(line, size)

    def withdraw(self, uuid: str) -> bool:
        """Take a prompt back, if no turn has it yet."""
        if not self._inbox.withdraw(uuid):
            return False
        self._gone(uuid)
        return True

    def withdraw_all(self) -> tuple[str, ...]:
        """Take all prompts back, and say which."""
        uuids = self._inbox.withdraw_all()
        for uuid in uuids:
            self._gone(uuid)
        return uuids

    def started(self, uuid: str) -> None:
        """A turn has the prompt."""
        self._bytes_waiting -= self._waiting.pop(uuid, 0)
        self._in_turn.append(uuid)
        self._tell(uuid, "started")

    def turn_over(self) -> None:
        """The turn and all it heard are done; what is nowhere any more was refused on its way."""
        for uuid in self._in_turn:
            self._tell(uuid, "completed")
        self._in_turn.clear()
        for uuid in self._waiting.keys() - set(self._inbox.waiting()):
            self._gone(uuid)

    async def hear(self, event: Event) -> None:
        """Listen to the session: a running turn may take prompts, too."""
        if isinstance(event, PromptDelivered) and event.uuid in self._waiting:
            self.started(event.uuid)

    def _let_wait(self, line: PromptLine, size: int) -> None:
        uuid = line.uuid or self._new_id()
        if line.uuid:
            self._seen.add(uuid)
        self._waiting[uuid] = size
        self._bytes_waiting += size
        self._tell(uuid, "queued")
        self._inbox.post(Posted(uuid=uuid, message=line.message, priority=line.priority, asks=line.asks))

    def _turn_away(self, line: PromptLine) -> None:
        words = f"A prompt was not taken: {len(self._waiting)} wait already. Send it again later."
        self._post(Informational(content=words, session_id=self._session_id, uuid=self._new_id()))
        if line.uuid:
            self._post(self._fate(line.uuid, "cancelled"))

    def _gone(self, uuid: str) -> None:
        self._bytes_waiting -= self._waiting.pop(uuid)
        self._tell(uuid, "cancelled")

    def _tell(self, uuid: str, state: _State) -> None:
        if uuid in self._seen:
            self._post(self._fate(uuid, state))

    def _fate(self, uuid: str, state: _State) -> CommandLifecycle:
        return CommandLifecycle(command_uuid=uuid, state=state, session_id=self._session_id, uuid=self._new_id())

    def _post(self, line: CommandLifecycle | Informational) -> None:
        self._outlet.post(msgspec.json.encode(line) + b"\n")
