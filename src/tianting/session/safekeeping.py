"""Keeps the work tree before a tool changes it; without it there would be nothing that undo could give back.

    ToolStarted -> may it change files? -> take a checkpoint -> the tool runs

A tool waits for its event to be heard, so what is kept is what was there before. The first checkpoint of a turn carries
the prompt's id: the files can be taken back to before the prompt as well as to before each call.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from tianting.protocol.errors import CheckpointError
from tianting.protocol.events import Event, PromptDelivered, ToolStarted, TurnStarted
from tianting.protocol.tool_calls import ToolCall

log = logging.getLogger(__name__)

READING = frozenset(
    {
        *("Read", "Grep", "Glob", "LS", "WebFetch", "WebSearch"),
        *("TodoRead", "TodoWrite", "BashOutput", "TaskStop", "StructuredOutput"),
    }
)
"""Tools that leave files alone. Any other, known or not, may change some."""
_TELLING = ("command", "file_path", "path", "notebook_path", "description")
"""The arguments that say most about a call, the most telling first."""
_PATCH_MARKS = ("*** Add File: ", "*** Update File: ", "*** Delete File: ")
_LONGEST_LABEL = 100


class Keeps(Protocol):
    """What keeps states of files; `worktree.checkpoints.Checkpoints` does."""

    async def take(self, label: str, *, prompt_id: str | None = None, tool_call_id: str | None = None) -> object:
        """Keep the present state. Raises `CheckpointError`."""
        ...


class Safekeeping:
    """Takes the checkpoints of one session. Listens to every event, and is told before anybody else.

    Never raises for what it cannot keep: that is told to `complain`, in one line, once a session, and logged each
    time. After a failure the rest of the turn is not kept, for a lock or a full disk would be waited for at each call.
    """

    def __init__(
        self,
        open_checkpoints: Callable[[], Keeps],
        *,
        complain: Callable[[str], None],
        may_change: Callable[[ToolCall], bool] | None = None,
    ) -> None:
        """`open_checkpoints` is called before the first change, and may take its time.

        `may_change` says of a call whether it may change files, where that is known better than by the tool's name.
        """
        self._open = open_checkpoints
        self._checkpoints: Keeps | None = None
        self._complain = complain
        self._complained = False
        self._may_change = may_change or by_name
        self._prompt_id: str | None = None
        """The prompt that has no checkpoint yet."""
        self._given_up = False

    async def __call__(self, event: Event) -> None:
        """Listen."""
        if isinstance(event, TurnStarted):
            self._prompt_id, self._given_up = event.uuid, False
        elif isinstance(event, PromptDelivered):  # where nothing changed since the prompt, that one's name will do
            self._prompt_id = self._prompt_id or event.uuid
        elif isinstance(event, ToolStarted) and not self._given_up and self._may_change(event.call):
            await self._keep(event.call)

    async def _keep(self, call: ToolCall) -> None:
        try:
            if self._checkpoints is None:
                self._checkpoints = self._open()
            await self._checkpoints.take(label(call), prompt_id=self._prompt_id, tool_call_id=call.call_id)
            self._prompt_id = None
        except CheckpointError as error:
            self._given_up = True
            log.info("no checkpoint before %s %s: %s", call.tool_name, call.call_id, error)
            self._tell_once(error)

    def _tell_once(self, error: CheckpointError) -> None:
        if not self._complained:
            self._complained = True
            self._complain(f"What changes now cannot be undone: {error}")


def by_name(call: ToolCall) -> bool:
    """Whether a call of this tool may change files."""
    return call.tool_name not in READING


def label(call: ToolCall) -> str:
    """`Bash: rm -rf build`, on one line."""
    told = _patched(call) or next((call.arguments[name] for name in _TELLING if call.arguments.get(name)), "")
    words = " ".join(f"{call.tool_name}: {told}".split()).removesuffix(":")
    line = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
    return line if len(line) <= _LONGEST_LABEL else f"{line[: _LONGEST_LABEL - 1]}…"


def _patched(call: ToolCall) -> str:
    """The files that a patch names."""
    lines = str(call.arguments.get("input", "")).splitlines()
    return ", ".join(line.removeprefix(mark) for line in lines for mark in _PATCH_MARKS if line.startswith(mark))
