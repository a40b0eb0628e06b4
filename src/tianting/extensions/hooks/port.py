"""What loop and session know of hooks. Light on purpose: without configured hooks nothing else of them is loaded.

`NoHooks` answers where none are configured, `HookPoints` where some are; the callers cannot tell them apart.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from msgspec import Struct

from tianting.permissions.decision import Allow, Ask, Delegate, Person, Verdict
from tianting.protocol.events import HooksAsked, HookStarted
from tianting.protocol.tool_calls import Access, CallResult, ToolCall

Source = Literal["startup", "resume", "clear", "compact"]
Trigger = Literal["manual", "auto"]
Tell = Callable[[HookStarted | HooksAsked], Awaitable[None]]
"""Takes what hooks did, for whoever shows or stores it. What it raises gets out of the method that asked them."""

Rename = Callable[[str], None]
"""Takes the name that hooks give the session. What it raises gets out of the method that asked them."""


class BeforeTool(Struct, frozen=True, kw_only=True):
    """What hooks say of a call that has not run."""

    refusal: CallResult | None = None
    """The call's one answer; it must not run."""
    arguments: dict[str, Any] | None = None
    """What to call with instead. Whatever was judged of the call must be judged again."""
    opinion: Literal["allow", "ask"] | None = None
    """For `weighed`: a hook's yes spares a person's, and undoes no rule."""
    reason: str = ""
    contexts: tuple[str, ...] = ()
    """For `after_tool`, which gives them to the result as notes."""


class BeforeTurn(Struct, frozen=True, kw_only=True):
    """What hooks say of a prompt, or of a session that begins."""

    blocked: str | None = None
    """Why the prompt must not reach the model, for the person to read."""
    contexts: tuple[str, ...] = ()
    """What the model shall know before it answers, one note each."""
    initial_user_message: str = ""
    """A prompt to begin with, from a session's start."""


class BeforeStop(Struct, frozen=True, kw_only=True):
    """What hooks say of a turn whose answer is there; nothing, where it may end."""

    more: str | None = None
    """What the model must still do, as a message to it."""
    stop: str | None = None
    """Why the turn must end, for the person to read. There is nothing more then."""


class AgentHooks(Protocol):
    """The points of a session at which hooks are asked. No method raises but for cancellation."""

    def report_to(self, tell: Tell) -> None:
        """Tell `tell` from now on."""
        ...

    def title_to(self, rename: Rename) -> None:
        """Call the session from now on what hooks call it."""
        ...

    def person(self, inner: Person | None) -> Delegate | None:
        """Who is asked about a call: hooks that wait for such questions, then `inner`."""
        ...

    def announcing(self, person: Person) -> Person:
        """`person`, each of whose questions is told before it is put."""
        ...

    async def before_tool(self, call: ToolCall, accesses: tuple[Access, ...]) -> BeforeTool:
        """Ask before the permission rules do."""
        ...

    async def after_tool(
        self,
        call: ToolCall,
        accesses: tuple[Access, ...],
        result: CallResult,
        *,
        duration: float,
        contexts: tuple[str, ...] = (),
    ) -> CallResult:
        """The result as hooks want the model to see it. `duration` in seconds."""
        ...

    async def permission_denied(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> bool:
        """Tell that rules, mode or person refused a call. Gives back whether the model may try it again."""
        ...

    async def session_started(self, source: Source, model: str) -> BeforeTurn:
        """Ask before the first prompt."""
        ...

    async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
        """Ask before a prompt is worked on. Until the next one, all that happens belongs to `prompt_id`."""
        ...

    async def stopping(self, last_message: str, *, times: int) -> BeforeStop:
        """Ask before the turn ends. `times` counts how often hooks wanted more in this turn already."""
        ...

    async def compacting(self, trigger: Trigger, instructions: str = "") -> str | None:
        """Why the history must not be summarised now; None where it may."""
        ...

    async def compacted(self, trigger: Trigger, summary: str) -> None:
        """Tell that it was."""
        ...

    async def notify(self, message: str, kind: str, title: str = "") -> None:
        """Tell that a person's attention is wanted: `permission_prompt`, `idle_prompt`."""
        ...

    async def file_changed(self, path: str, *, is_gone: bool) -> None:
        """Tell that a file is no longer as the model read it."""
        ...

    async def session_ended(self, reason: str) -> None:
        """Tell that nothing follows."""
        ...


def weighed(verdict: Verdict, before: BeforeTool) -> Verdict:
    """`verdict` of rules and mode, after what hooks said of the same call: a hook may spare a question, no more.

    A refusal of the rules stands. Where a question must reach a person whatever hooks say, do not ask here.
    """
    match verdict, before.opinion:
        case Ask(), "allow":
            return Allow(reason=before.reason or "a hook")
        case ((Allow() | Ask()), "ask"):
            return Ask(reason=before.reason or "a hook wants you to be asked")
    return verdict


class NoHooks:
    """Nobody has anything to say."""

    def report_to(self, tell: Tell) -> None:
        """There will be nothing to tell."""

    def title_to(self, rename: Rename) -> None:
        """Nobody has a name for it."""

    def person(self, inner: Person | None) -> Delegate | None:
        """Nobody else."""
        return inner

    def announcing(self, person: Person) -> Person:
        """Nobody listens."""
        return person

    async def before_tool(self, call: ToolCall, accesses: tuple[Access, ...]) -> BeforeTool:
        """Go on."""
        return BeforeTool()

    async def after_tool(
        self,
        call: ToolCall,
        accesses: tuple[Access, ...],
        result: CallResult,
        *,
        duration: float,
        contexts: tuple[str, ...] = (),
    ) -> CallResult:
        """Leave `result` as it is."""
        return result

    async def permission_denied(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> bool:
        """Nobody thinks better of it."""
        return False

    async def session_started(self, source: Source, model: str) -> BeforeTurn:
        """Go on."""
        return BeforeTurn()

    async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
        """Go on."""
        return BeforeTurn()

    async def stopping(self, last_message: str, *, times: int) -> BeforeStop:
        """Let it stop."""
        return BeforeStop()

    async def compacting(self, trigger: Trigger, instructions: str = "") -> str | None:
        """Go on."""
        return None

    async def compacted(self, trigger: Trigger, summary: str) -> None:
        """Nobody listens."""

    async def notify(self, message: str, kind: str, title: str = "") -> None:
        """Nobody listens."""

    async def file_changed(self, path: str, *, is_gone: bool) -> None:
        """Nobody listens."""

    async def session_ended(self, reason: str) -> None:
        """Nobody listens."""
