"""What becomes of the prompt that was being worked on when its process ended: repeated, gone on with, or left alone.

Without it a crash would either lose what somebody asked for, or run the same `git push` twice.

    never reached the agent     sent again: it was accepted, so it may not be lost
    no tool had run             sent again: nothing has happened yet
    tools had run               not repeated; the conversation goes on with a note of what happened
    it ended three processes    left: the prompt itself may be what kills them
"""

from msgspec import Struct


class PromptPolicy(Struct, frozen=True, kw_only=True):
    """What the owner wants of interrupted prompts."""

    go_on: bool = True
    """False: what had begun waits for a person."""
    most_tries: int = 3
    """Processes that one prompt may end."""


class OpenPrompt(Struct, frozen=True, kw_only=True):
    """A prompt that has no answer yet."""

    taken: bool
    """The agent has acknowledged it."""
    tools_ran: bool = False
    """At least one tool was begun in its turn."""
    tries: int = 1
    """Processes that it was given to, the ended one included."""


class Repeat(Struct, frozen=True, kw_only=True):
    """Send the same prompt again, with the same id."""


class Continue(Struct, frozen=True, kw_only=True):
    """Send `note` instead of the prompt."""

    note: str


class Leave(Struct, frozen=True, kw_only=True):
    """Send nothing; the turn has ended without an answer, and a person is told."""

    reason: str


Fate = Repeat | Continue | Leave

NOTE = (
    "The process that was working on this ended before it could finish. What you did before that is still in place, "
    "but the result of the last tool call may be missing. Look at the current state first, then go on from there; "
    "do not repeat steps that have already had their effect."
)


def fate(prompt: OpenPrompt, policy: PromptPolicy, *, fresh: bool = False) -> Fate:
    """What becomes of `prompt` in the next process. `fresh`: that one does not know the conversation."""
    if prompt.tries >= policy.most_tries:
        return Leave(reason=f"{prompt.tries} processes ended while they worked on this prompt.")
    if not prompt.taken:
        return Repeat()
    if not policy.go_on:
        return Leave(reason="It was interrupted, and is set not to go on by itself.")
    if not prompt.tools_ran:
        return Repeat()
    if fresh:
        return Leave(reason="It had begun to act, and the conversation that knows how far it came is lost.")
    return Continue(note=NOTE)
