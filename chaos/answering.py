"""The model of a chaos run: it answers each prompt with that prompt's own number, and fails when it is told to.

"Say [n07-12]"     → the number, in a stream
"Write [n07-12]"   → a command that adds the number to `notes.txt`, then the number
after a crash      → it looks whether the number is there, as a good model would, then the number
"""

import re
from collections.abc import Callable

from tianting.fleet.verdicts.interrupted import NOTE
from tianting.models.scripted import Reply, calls, says
from tianting.models.scripted_faults import Fault, FaultKind
from tianting.testing.playback import Conversation

NUMBER = re.compile(r"\[(\w+)-(\d+)\]")
"""What each prompt bears: its window and its place."""
NOTES = "notes.txt"
RETRY_AFTER = 1.0
"""Seconds that a provider asks for in a storm."""
_PAUSE = 0.005
_WORDS = 40

Struck = Callable[[str], None]
"""Told the window whose request was broken."""


class Answering:
    """Implements `Playback`. It knows nothing but what requests say, and what it was told to break."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._storm: tuple[int, float] = (429, 0.0)
        self._armed: dict[str, tuple[FaultKind, Struck]] = {}
        self._newest: dict[str, str] = {}

    def storm(self, status: int, until: float) -> None:
        """Refuse everything with `status` until then."""
        self._storm = (status, until)

    def arm(self, window: str, kind: FaultKind, struck: Struck) -> None:
        """Break the next answer to `window`."""
        self._armed[window] = (kind, struck)

    def reply(self, conversation: Conversation) -> Reply:
        """See `Playback`."""
        if (broken := self._refusal()) is not None:
            return says(fault=broken)
        number, window = self._number(conversation)
        fault = self._fault(window)
        if fault is None and (command := _command(conversation.said, number)) is not None:
            return says("Writing.", calls("Bash", command=command, description="Note the number"))
        text = f"{number} " + "word " * (_WORDS if number else 1)
        return Reply(text=text, chunk=20, pause=_PAUSE, fault=fault)

    def _refusal(self) -> Fault | None:
        status, until = self._storm
        if self._clock() >= until:
            return None
        return Fault(kind="status", status=status, retry_after=RETRY_AFTER)

    def _fault(self, window: str) -> Fault | None:
        kind, struck = self._armed.pop(window, (None, None))
        if kind is None or struck is None:
            return None
        struck(window)
        return Fault(kind=kind)

    def _number(self, conversation: Conversation) -> tuple[str, str]:
        """The number that is asked for; after a crash it may stand further back in the conversation."""
        opening = NUMBER.search(conversation.opening)
        said = list(NUMBER.finditer(conversation.said))
        found = said[-1] if said else opening
        if found is None:
            return "", ""
        window = found[1]
        if said:
            self._newest[window] = found[0]
        return self._newest.get(window, found[0]), window


def _command(said: str, number: str) -> str | None:
    if f"Write {number}" in said:
        return f"echo '{number}' >> {NOTES}; echo 'wrote {number}'"
    if NOTE in said and f"wrote {number}" not in said:
        return f"grep -qF '{number}' {NOTES} || echo '{number}' >> {NOTES}; echo 'wrote {number}'"
    return None
