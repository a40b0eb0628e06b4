"""One tool call, what it may touch, and its one answer."""

from typing import Any, Literal

from msgspec import Struct

from tianting.protocol.content import Image, Text, ToolResult

Effect = Literal["read", "edit", "execute", "fetch", "note"]
"""`note` changes only the agent's own memory (a plan); the others touch the world."""

Outcome = Literal["ok", "failed", "denied", "interrupted"]

FORMER_NAMES = {
    "KillShell": "TaskStop",
    "KillBash": "TaskStop",
    "TaskOutput": "BashOutput",
    "ApplyPatch": "apply_patch",
}
"""Names that clients, rules and older transcripts use for the same tool with the same parameters."""


class ToolSpec(Struct, frozen=True, kw_only=True):
    """A tool as the model is told of it. Stays byte-equal for a whole session: the prompt cache hangs on it."""

    name: str
    description: str
    input_schema: dict[str, Any]
    grammar: str = ""
    """Lark grammar of a free-form tool, for providers that have them. Its schema has one string parameter."""


class ToolCall(Struct, frozen=True, kw_only=True):
    """A call with its arguments read and its tool's real name."""

    call_id: str
    tool_name: str
    arguments: dict[str, Any]


class Access(Struct, frozen=True, kw_only=True):
    """One thing a call may touch. Permission rules match on this, so leaving one out is a security bug."""

    effect: Effect
    target: str = ""
    """An absolute path, a shell command, or a URL, according to `effect`; of a server's tool its name."""
    sandbox: Literal["", "inside", "outside"] = ""
    """Of a command: `inside` walls that make a question needless, or `outside` of those that others run in."""


class ToolOutput(Struct, frozen=True, kw_only=True):
    """What a tool gives back when it worked."""

    content: str | tuple[Text | Image, ...]
    """For the model."""
    data: Any = None
    """For programs: a `Struct` in the shape of the tool's `tool_use_result`."""
    failed: bool = False
    """The tool did its work and the news is bad: a command that exited with 1."""
    waiting: bool = False
    """What was asked about goes on and has no news yet: asking again is no running in circles."""


class CallResult(Struct, frozen=True, kw_only=True):
    """One answer to the model. Every call gets exactly one, even when it failed or never ran."""

    call_id: str
    content: str | tuple[Text | Image, ...]
    outcome: Outcome = "ok"
    data: Any = None
    interrupts: bool = False
    """A person refused the call and wants the turn to end."""
    by_person: bool = False
    """With `denied`: a person said no, not a rule."""
    waiting: bool = False
    """As in `ToolOutput`."""
    notes: tuple[str, ...] = ()
    """What hooks want the model to know besides. Said behind the results: a note never stands in one."""
    stop: str | None = None
    """A hook ends the turn with this call, and why, for the person to read."""

    @property
    def ends_turn(self) -> bool:
        """Whether nothing follows in this turn."""
        return self.interrupts or self.stop is not None

    def block(self) -> ToolResult:
        """The same, as a block of the history."""
        return ToolResult(tool_use_id=self.call_id, content=self.content, is_error=self.outcome != "ok")
