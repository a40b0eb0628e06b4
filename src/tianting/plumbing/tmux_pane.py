"""One pane of a terminal: its screen is read and keys are pressed in it, exactly as asked.

look -> Screen          paste(text) · press(keys) · resize
"""

from msgspec import Struct

from tianting.plumbing.tmux_control import ControlMode, TmuxError, quoted

_FACTS = "#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}|#{pane_width}|#{cursor_x}|#{cursor_y}"
_LINES_ABOVE = 500
"""Of the scrollback: what may scroll away between two looks without being missed."""


class Screen(Struct, frozen=True, kw_only=True):
    """What a pane shows, and what has scrolled off its top."""

    lines: tuple[str, ...]
    """Without the blanks at their ends, nor the blank lines at the bottom. What the terminal wrapped is one line."""
    width: int
    cursor: int
    """The column, from 0."""
    row: int = 0
    """The cursor's row on the visible part, from 0."""
    ended: int | None = None
    """How the program ended, if it has: its exit status, or minus the signal's number; `UNKNOWN` where tmux lost it."""


UNKNOWN = 255


class Pane:
    """The pane called `name` (`%7`) on the server behind `control`."""

    def __init__(self, control: ControlMode, name: str) -> None:
        self._control = control
        self.name = name

    async def look(self, above: int = _LINES_ABOVE) -> Screen:
        """The screen now, with at most `above` lines of what has scrolled away. Raises `TmuxError`."""
        facts, lines = await self._control.ask(
            f"display-message -p -t {self.name} {quoted(_FACTS)}",
            f"capture-pane -p -J -S -{above} -t {self.name}",
        )
        return _screen(facts[0] if facts else "", lines)

    async def paste(self, text: str) -> None:
        """Put `text` in as it is, bracketed where the program asks for that; nothing is submitted. Raises `TmuxError`.

        Not by `send-keys`, which drops a `;` at the end and has a limit of length.
        """
        buffer = f"paste{self.name.removeprefix('%')}"
        await self._control.ask(
            f"set-buffer -b {buffer} -- {quoted(text)}", f"paste-buffer -p -r -d -b {buffer} -t {self.name}"
        )

    async def press(self, *keys: str) -> None:
        """Press `keys`, named as in tmux(1), "KEY BINDINGS". Raises `TmuxError`."""
        await self._control.ask(f"send-keys -t {self.name} {' '.join(quoted(key) for key in keys)}")

    async def resize(self, width: int, height: int) -> None:
        """Make its window so many columns wide and rows high. Raises `TmuxError`."""
        await self._control.ask(f"resize-window -t {self.name} -x {width} -y {height}")


async def own_pane(control: ControlMode, mark: str, option: str) -> Pane:
    """The pane whose user option `option` says `mark`, whatever its window is called by now. Raises `TmuxError`."""
    listed = await control.ask(f"list-panes -a -F {quoted('#{pane_id} #{' + option + '}')}")
    for line in listed[0]:
        name, _, said = line.partition(" ")
        if said == mark:
            return Pane(control, name)
    raise TmuxError(f"The tmux window of {mark} has been closed.")


def _screen(facts: str, lines: list[str]) -> Screen:
    dead, status, signal, width, column, row = (*facts.split("|"), *[""] * 6)[:6]
    if not width:
        raise TmuxError("The tmux window has been closed.")
    stripped = [line.rstrip() for line in lines]
    while stripped and not stripped[-1]:
        stripped.pop()
    return Screen(
        lines=tuple(stripped),
        width=int(width),
        cursor=int(column),
        row=int(row),
        ended=_ended(status, signal) if dead == "1" else None,
    )


def _ended(status: str, signal: str) -> int:
    if signal.isdigit():
        return -int(signal)
    return int(status) if status.isdigit() else UNKNOWN
