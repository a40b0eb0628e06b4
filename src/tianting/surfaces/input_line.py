"""Where a person types: editing, history and pasting, as readline users expect them.

Enter sends · Alt-Enter makes a new line · pasted line ends stay · Ctrl-C clears, and on an empty line interrupts
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output as Screen


class InputLine:
    """Reads one prompt at a time. `keyboard` and `screen` are the process's terminal when left out."""

    def __init__(self, history: Path | None, *, keyboard: Input | None = None, screen: Screen | None = None) -> None:
        self._session: PromptSession[str] = PromptSession(
            "› ",
            multiline=True,
            prompt_continuation="  ",
            history=_history(history),
            key_bindings=_keys(),
            input=keyboard,
            output=screen,
        )

    async def read(self) -> str:
        """What the person sent. Raises `EOFError` for Ctrl-D and `KeyboardInterrupt` for Ctrl-C on an empty line."""
        return await self._session.prompt_async(handle_sigint=False)


def _keys() -> KeyBindings:
    keys = KeyBindings()
    keys.add("enter")(lambda event: event.current_buffer.validate_and_handle())
    keys.add("escape", "enter")(lambda event: event.current_buffer.insert_text("\n"))
    keys.add("c-c")(_clear_or_leave)
    return keys


def _clear_or_leave(event: KeyPressEvent) -> None:
    if event.current_buffer.text:
        event.current_buffer.reset()
    else:
        event.app.exit(exception=KeyboardInterrupt)


class _ForgivingHistory(History):
    """A history whose file may be missing, unreadable or on a full disk: the conversation goes on without it."""

    def __init__(self, kept: FileHistory) -> None:
        super().__init__()
        self._kept = kept

    def load_history_strings(self) -> Iterable[str]:
        with contextlib.suppress(OSError):
            return list(self._kept.load_history_strings())
        return []

    def store_string(self, string: str) -> None:
        with contextlib.suppress(OSError):
            self._kept.store_string(string)


def _history(path: Path | None) -> History:
    """Prompts hold secrets, so only their writer may read them."""
    if path is None:
        return InMemoryHistory()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    return _ForgivingHistory(FileHistory(path))
