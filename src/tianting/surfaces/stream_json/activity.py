"""Whether the session works, rests or waits for a person: clients close their side, or call somebody, by it.

running → requires_action ⇄ running → idle
"""

import msgspec

from tianting.protocol.control_answers import SessionState
from tianting.protocol.ids import NewId
from tianting.protocol.stream_lines import SessionStateChanged
from tianting.surfaces.stream_json.outlet import Outlet


class Activity:
    """The state of one session. Told of each change only to clients that ask for it: others stumble over the line."""

    def __init__(self, outlet: Outlet, session_id: str, new_id: NewId, *, is_told: bool) -> None:
        self.state: SessionState = "idle"
        self._outlet = outlet
        self._session_id = session_id
        self._new_id = new_id
        self._is_told = is_told

    def begin(self) -> None:
        """A turn begins."""
        self._become("running")

    def rest(self) -> None:
        """The last turn is over, and nothing waits."""
        self._become("idle")

    def person_is_asked(self, is_asked: bool) -> None:
        """A question to a person goes out, or the last one is over. Between turns there is nothing to tell."""
        if self.state != "idle":
            self._become("requires_action" if is_asked else "running")

    def _become(self, state: SessionState) -> None:
        if state == self.state:
            return
        self.state = state
        if self._is_told:
            line = SessionStateChanged(state=state, session_id=self._session_id, uuid=self._new_id())
            self._outlet.post(msgspec.json.encode(line) + b"\n")
