"""What a hook can be. Names on the wire are those of other agents' settings files: `{type: "command", command, ...}`.

A configured hook says where it was written, so that only trusted files need be obeyed and a complaint can name one.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

OnFailure = Literal["continue", "block"]
"""What a hook's own failure means: a wrong exit code, a timeout, a missing program, output that cannot be read.

`continue` lets go on what was asked about, as other agents do; `block` refuses it wherever the event can be refused.
"""
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class CommandHook(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="command"):
    """A program. It gets the event as JSON on its input, and answers by exit code and output."""

    command: Annotated[str, Meta(min_length=1)]
    """A line for the shell; with `args`, the program alone, and no shell reads it."""
    args: tuple[str, ...] | None = None
    shell: str | None = None
    """The shell that reads `command`: `bash`, or `sh` where there is none, unless told."""
    condition: str | None = field(default=None, name="if")
    """A permission rule; the hook runs only for calls that it matches."""
    timeout: Seconds | None = None
    on_failure: OnFailure = "continue"
    status_message: str | None = None
    """What a screen may show while it runs."""
    once: bool = False
    """Run at most once in a session."""
    in_background: bool = field(default=False, name="async")
    """Do not wait for it: whatever it answers comes too late to count."""
    allowed_env_vars: tuple[str, ...] = ()
    """Secrets of ours that it may see. Model keys are withheld from every program that is not named them."""


class HttpHook(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="http"):
    """An address that the event is posted to. The body of a 2xx answer is read as a command's output is."""

    url: str
    headers: dict[str, str] = {}
    """Values may hold `${NAME}`, for the variables in `allowed_env_vars`; any other becomes nothing."""
    allowed_env_vars: tuple[str, ...] = ()
    condition: str | None = field(default=None, name="if")
    timeout: Seconds | None = None
    on_failure: OnFailure = "continue"
    status_message: str | None = None
    once: bool = False


class PromptHook(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="prompt"):
    """A question to a model. `$ARGUMENTS` in `prompt` stands for the event; without it the event follows the text."""

    prompt: Annotated[str, Meta(min_length=1)]
    model: str | None = None
    condition: str | None = field(default=None, name="if")
    timeout: Seconds | None = None
    on_failure: OnFailure = "continue"
    status_message: str | None = None
    once: bool = False


class CallbackFailed(Exception):
    """The callback broke, or answered what is no answer. `str` says how; the runner makes it a failed hook."""


class CallbackSilent(CallbackFailed):
    """Nobody is there to answer it any more: that counts as a timeout."""


class CallbackHook(Struct, frozen=True, kw_only=True):
    """A function of the program that drives this one. Never in a file.

    Its silence must not become a yes: a timeout refuses what can be refused, whatever `on_failure` says.
    """

    call: Callable[[bytes], Awaitable[str]]
    """Takes the event as JSON and gives back what a command would print. May raise `CallbackFailed`."""
    name: str
    condition: str | None = None
    timeout: Seconds | None = None
    on_failure: OnFailure = "block"
    status_message: str | None = None
    once: bool = False


ConfiguredAction = CommandHook | HttpHook | PromptHook
Action = ConfiguredAction | CallbackHook


class Hook(Struct, frozen=True, kw_only=True):
    """One hook, where it was configured, and what it waits for."""

    event: str
    matcher: str = ""
    action: Action
    source: str
    """The file, or the flag, that it was read from."""
    place: str
    """Where in `source`: `hooks.PreToolUse[0].hooks[1]`."""

    @property
    def title(self) -> str:
        """What a person knows it by, on one line: its command, address or question."""
        text = " ".join(_title(self.action).split())
        return text if len(text) <= 80 else f"{text[:79]}…"


def _title(action: Action) -> str:
    match action:
        case CommandHook(command=command, args=args):
            return " ".join((command, *(args or ())))
        case HttpHook(url=url):
            return url.partition("?")[0]  # what follows may be a secret
        case PromptHook(prompt=prompt):
            return prompt
        case CallbackHook(name=name):
            return name
