"""What is left of a session when its process has ended: all that is needed to go on with it."""

from msgspec import Struct

from tianting.protocol.events import PermissionMode
from tianting.protocol.messages import Message


class Conversation(Struct, frozen=True, kw_only=True):
    """A conversation as it can be gone on with."""

    session_id: str
    history: list[Message]
    """Valid as it is: every call is answered. Starts at the last compaction."""
    leaf: str | None
    """The line that the next one hangs on."""
    cwd: str = ""
    """Where it began; empty when no line tells."""
    title: str = ""
    titled_by_person: bool = False
    tag: str = ""
    """One word of a person's, to find it again; empty without one."""
    model: str | None = None
    """Who answered last."""
    permission_mode: PermissionMode | None = None
    damaged_lines: int = 0
    """Lines that could not be read. A torn last line is not counted: it was never acknowledged."""
