"""The book of conversations: which window each is, and how it wants its answers. Without it a daemon that comes back
would not know whose conversation is whose.

One small JSON file, written whole before anything follows from it; readable by its owner alone.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.plumbing.atomic_file import write_atomically

log = logging.getLogger(__name__)

_REMEMBERED = 32
"""Questions of a conversation that can be asked again under their ids."""


class Asked(Struct, frozen=True, kw_only=True, array_like=True):
    """A question that was asked under an id."""

    prompt: str
    """The fleet's name of it."""
    after: int
    """Number of the window's event before it."""


class Conversation(Struct, frozen=True, kw_only=True):
    """One, as it is kept."""

    name: str
    cwd: str
    window_id: str = ""
    """Empty before the first question."""
    effort: str | None = None
    """None is as the agent's configuration says."""
    reasoning: bool = False
    final_only: bool = True
    """The answer alone; otherwise all that the agent said on the way."""
    answers: int = 0
    created_at: float = 0.0
    used_at: float = 0.0
    """Unix time, as is `created_at`."""
    asked: tuple[Asked, ...] = ()
    """The last ones, oldest first."""

    def remembered(self, asked: Asked) -> tuple[Asked, ...]:
        """`asked`, with one more."""
        return (*self.asked, asked)[-_REMEMBERED:]


class Book:
    """All conversations of one daemon."""

    def __init__(self, path: Path) -> None:
        """Reads what an earlier daemon wrote. A file that cannot be read is moved aside. Raises `OSError`."""
        self._path = path
        self._known = {one.name: one for one in _read(path)}

    def __iter__(self) -> Iterator[Conversation]:
        return iter(tuple(self._known.values()))

    def get(self, name: str) -> Conversation | None:
        """The conversation of this name."""
        return self._known.get(name)

    def put(self, conversation: Conversation) -> None:
        """Keep it as it is now. Raises `OSError`; then nothing has changed."""
        self._write({**self._known, conversation.name: conversation})

    def drop(self, name: str) -> None:
        """Forget it. Raises `OSError`; then nothing has changed."""
        self._write({known: one for known, one in self._known.items() if known != name})

    def _write(self, known: dict[str, Conversation]) -> None:
        write_atomically(self._path, msgspec.json.encode(tuple(known.values())), mode=0o600)
        self._known = known


def _read(path: Path) -> tuple[Conversation, ...]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Conversation, ...])
    except FileNotFoundError:
        return ()
    except msgspec.MsgspecError as error:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        log.warning("the conversations could not be read (%s): the file is kept as %s", error, aside)
        return ()
