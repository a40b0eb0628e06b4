"""A menu that exactly one key answers, and only one that was pressed after the menu stood there."""

import contextlib
import termios
from collections.abc import Callable, Mapping
from typing import TypeVar

from prompt_toolkit import Application
from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.output import Output as Screen

C = TypeVar("C")


async def pressed(menu: str, keys: Mapping[str, C], *, keyboard: Input | None, screen: Screen | None) -> C:
    """Show `menu` and wait for one of `keys`; then the menu is gone again. `menu` must be safe for a terminal.

    Raises `EOFError` when the terminal is gone.
    """
    app: Application[C] = Application(
        Layout(Window(FormattedTextControl(menu), dont_extend_height=True, wrap_lines=True)),
        key_bindings=_bindings(keys),
        input=keyboard,
        output=screen,
        erase_when_done=True,
    )
    _forget_typed(app.input)
    return await app.run_async(handle_sigint=False)


def _bindings(keys: Mapping[str, C]) -> KeyBindings:
    bindings = KeyBindings()
    for key, choice in keys.items():
        bindings.add(key)(_answer(choice))
    return bindings


def _answer(choice: C) -> Callable[[KeyPressEvent], None]:
    return lambda event: event.app.exit(result=choice)


def _forget_typed(keyboard: Input) -> None:
    """What was typed before the question was no answer to it."""
    clear_typeahead(keyboard)
    with contextlib.suppress(termios.error):  # only a terminal has a queue to empty
        termios.tcflush(keyboard.fileno(), termios.TCIFLUSH)
