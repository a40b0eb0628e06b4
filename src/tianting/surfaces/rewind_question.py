"""Asks the person at the terminal which prompt to go back to, and what shall go back.

  3  Now test it.              newest first, under the numbers that `tianting rewind` knows
  2  Fix the build.
  1  What is this?
Back to before which? 2
  b  files and conversation
  f  files
  c  conversation
  Ctrl-C  nothing
"""

from collections.abc import Sequence

from msgspec import Struct
from prompt_toolkit import PromptSession
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output as Screen

from tianting.session.rewinding import What
from tianting.surfaces.escaping import one_line
from tianting.surfaces.key_menu import pressed
from tianting.surfaces.scrollback import Scrollback

MOST_SHOWN = 20
"""Prompts. An earlier one can be chosen all the same by its number."""
_KEYS: dict[str, What | None] = {"b": "both", "f": "files", "c": "conversation", "c-c": None, "c-d": None}
_MENU = """\
  b  files and conversation
  f  files
  c  conversation
  Ctrl-C  nothing"""


class Chosen(Struct, frozen=True):
    """What the person wants."""

    index: int
    """Of the prompt, the oldest being 0."""
    what: What


class RewindQuestion:
    """Two questions, one after the other. `keyboard` and `screen` are the process's terminal when left out."""

    def __init__(self, scrollback: Scrollback, *, keyboard: Input | None = None, screen: Screen | None = None) -> None:
        self._scrollback = scrollback
        self._keyboard = keyboard
        self._screen = screen

    async def ask(self, prompts: Sequence[str]) -> Chosen | None:
        """Which of `prompts`, oldest first, and what; None where the person would rather stay."""
        await self._show(prompts)
        index = await self._number(len(prompts))
        if index is None:
            return None
        try:
            what = await pressed(_MENU, _KEYS, keyboard=self._keyboard, screen=self._screen)
        except EOFError:  # the terminal is gone
            return None
        return None if what is None else Chosen(index, what)

    async def _show(self, prompts: Sequence[str]) -> None:
        numbered = list(enumerate(prompts, start=1))
        for number, words in reversed(numbered[-MOST_SHOWN:]):
            await self._scrollback.say(f"{number:>4}  {one_line(words)}")
        if (earlier := len(numbered) - MOST_SHOWN) > 0:
            await self._scrollback.say(f"      … and {earlier} earlier", "dim")

    async def _number(self, count: int) -> int | None:
        line: PromptSession[str] = PromptSession(input=self._keyboard, output=self._screen)
        while True:
            try:
                words = await line.prompt_async("Back to before which? (Enter alone stays) ", handle_sigint=False)
            except (EOFError, KeyboardInterrupt):
                return None
            if not words.strip():
                return None
            if words.strip().isdecimal() and 1 <= int(words) <= count:
                return int(words) - 1
            await self._scrollback.say(f"There is no prompt {one_line(words.strip())}.", "red")
