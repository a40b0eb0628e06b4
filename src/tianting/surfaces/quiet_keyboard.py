"""Keeps what is typed while the agent works out of its words: the terminal would echo it into the middle of them.

Nothing typed is lost: the next input line shows it.
"""

import contextlib
import termios
from collections.abc import Iterator

_LOCAL_MODES = 3  # the place of `c_lflag` in what termios(3) gets and sets


@contextlib.contextmanager
def quiet_keyboard(terminal: int) -> Iterator[None]:
    """Turn the echo of `terminal`, a descriptor, off for as long as the block runs. Signal keys work as before."""
    try:
        before = termios.tcgetattr(terminal)
    except termios.error:  # no terminal, no echo
        yield
        return
    quiet = before.copy()
    quiet[_LOCAL_MODES] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # it hung up
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
