"""Asks the person at the terminal whether a call may run, and shows what it would do.

    ? Bash
      rm -rf build         the command or the change, in full
      runs a command       why somebody must decide
      y  yes
      a  yes, and do not ask again: Bash(npm run *)    the rule that is kept for this project
      s  yes, and do not ask again in this session
      n  no, and tell the agent what to do instead

Paths and commands are never shortened here, because their end may be the harm; long changes are cut and counted.
"""

from typing import Literal

from prompt_toolkit import PromptSession
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output as Screen

from tianting.permissions.decision import Allow, Decision, Deny, Grants
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.surfaces.change_preview import preview
from tianting.surfaces.colours import Ink
from tianting.surfaces.drawing import call_line
from tianting.surfaces.escaping import one_line
from tianting.surfaces.key_menu import pressed
from tianting.surfaces.scrollback import Scrollback

Choice = Literal["yes", "always", "session", "no", "stop"]

_CHOICES: dict[str, Choice] = {"y": "yes", "a": "always", "s": "session", "n": "no", "c-c": "stop", "c-d": "stop"}
_MENU: dict[Choice, str] = {
    "yes": "y  yes",
    "always": "a  yes, and do not ask again: ",
    "session": "s  yes, and do not ask again in this session",
    "no": "n  no, and tell the agent what to do instead",
    "stop": "Ctrl-C  no, and stop",
}
_INKS: dict[str, Ink] = {"plain": "plain", "added": "green", "removed": "red"}


class TerminalPerson:
    """The `permissions.decision.Person` of the conversation. One question at a time; the gate sees to that."""

    def __init__(
        self, scrollback: Scrollback, grants: Grants, *, keyboard: Input | None = None, screen: Screen | None = None
    ) -> None:
        self._scrollback = scrollback
        self._grants = grants
        self._keyboard = keyboard
        self._screen = screen

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        """Show the call and wait for the answer, as long as it takes."""
        rules = self._grants.offered(call, accesses)
        await self._show(call, reason)
        match await self._choice(rules):
            case "yes":
                return Allow(reason="allowed by the user")
            case "always":
                return await self._granted(rules, lasting=True)
            case "session":
                return await self._granted(rules, lasting=False)
            case "no":
                return await self._refusal()
            case "stop":
                return _STOP

    async def _granted(self, rules: tuple[str, ...], *, lasting: bool) -> Decision:
        if said := self._grants.grant(rules, lasting=lasting):
            await self._scrollback.say(f"  {one_line(said, 1_000)}", "dim")
        return Allow(reason="allowed by the user from now on" if lasting else "allowed by the user for this session")

    async def _show(self, call: ToolCall, reason: str) -> None:
        named = call.tool_name if call.tool_name in _SHOWN_WHOLE else call_line(call, limit=10_000)
        await self._scrollback.say(f"? {one_line(named, 10_000)}", "yellow")
        for line in preview(call):
            await self._scrollback.say(f"  {line.text}", _INKS[line.kind])
        await self._scrollback.say(f"  {one_line(reason, 1_000)}", "dim")

    async def _choice(self, rules: tuple[str, ...]) -> Choice:
        """Exactly one key decides, and only one pressed after the question stood there."""
        offered = [choice for choice in _MENU if rules or choice not in _KEEPING]
        menu = "\n".join(f"  {_line(choice, rules)}" for choice in offered)
        keys = {key: choice for key, choice in _CHOICES.items() if choice in offered}
        try:
            return await pressed(menu, keys, keyboard=self._keyboard, screen=self._screen)
        except EOFError:  # the terminal is gone
            return "stop"

    async def _refusal(self) -> Decision:
        line: PromptSession[str] = PromptSession(input=self._keyboard, output=self._screen)
        try:
            words = await line.prompt_async("What should it do instead? (Enter alone stops it) ", handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            return _STOP
        if not words.strip():
            return _STOP
        reason = f'The user declined: "{words.strip()}". Choose another way; do not repeat the call.'
        return Deny(reason=reason, by_person=True)


_SHOWN_WHOLE = {"Bash"}
"""Tools whose preview is what the call line would say."""
_KEEPING: set[Choice] = {"always", "session"}
"""Choices that need a rule to keep."""
_STOP = Deny(reason="The user declined this call and stopped the turn.", interrupts=True, by_person=True)


def _line(choice: Choice, rules: tuple[str, ...]) -> str:
    """A rule is shown whole: whoever agrees to it agrees to its end, too."""
    return _MENU[choice] + (one_line(" ".join(rules), 10_000) if choice == "always" else "")
