"""`/rewind`: takes a conversation back while it is held.

    which prompt, and what? -> the files, at once -> the conversation, between two sessions

A transcript has one writer. So the words go back when the session is closed, and the conversation is opened again.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from tianting.cli.invocation import Invocation
from tianting.cli.places import home_directory
from tianting.protocol.errors import SessionError
from tianting.protocol.messages import note
from tianting.session.places import projects_directory
from tianting.session.session import Session

if TYPE_CHECKING:
    from tianting.session.rewinding import Prompt
    from tianting.surfaces.rewind_question import Chosen

Ask = Callable[[Sequence[str]], Awaitable["Chosen | None"]]
"""Asks a person which of these prompts, oldest first, and what; None where they would rather stay."""


class GoingBack(Struct, frozen=True, kw_only=True):
    """What is left to be done once the session is closed."""

    path: Path
    prompt_id: str
    files_too: bool
    said: tuple[str, ...] = ()
    """What became of the files, for the person."""

    def carry_out(self) -> tuple[str, ...]:
        """End the conversation before the prompt. Gives back lines to say. Raises `SessionError`."""
        from tianting.cli.rewind import ENDED, end_before

        end_before(self.path, self.prompt_id, files_too=self.files_too)
        return (*self.said, ENDED)

    def then(self, invocation: Invocation) -> Invocation:
        """How the conversation is opened again."""
        return structs.replace(
            invocation,
            prompt=None,
            resume=self.path.stem,
            continue_=False,
            fork_session=False,
            session_id=None,
            resume_session_at=None,
            resume_drops_turn=None,
        )


class Rewinding:
    """The command in one session."""

    def __init__(self, session: Session, ask: Ask) -> None:
        self._session = session
        self._ask = ask
        self.pending: GoingBack | None = None
        """Set when the talk ends because the conversation is to go back."""

    async def deed(self) -> Sequence[str] | None:
        """A `surfaces.conversation.Deed`. Raises `SessionError` and `CheckpointError`; then all is as it was."""
        from tianting.session.rewinding import conversation_before, prompts

        path = self._transcript()
        said = [] if path is None else prompts(path)
        if path is None or not said:
            return ["There is no prompt to go back to."]
        chosen = await self._ask([prompt.words for prompt in said])
        if chosen is None:
            return []
        uuid = said[chosen.index].uuid
        conversation_before(path, uuid)  # a prompt that is not there must not cost the files
        lines, went = ([], False) if chosen.what == "conversation" else await _files_back(said, uuid)
        if chosen.what == "files":
            self._tell_model(went=went)
            return lines
        self.pending = GoingBack(path=path, prompt_id=uuid, files_too=went, said=tuple(lines))
        return None

    def _transcript(self) -> Path | None:
        from tianting.session.listing import find

        facts = self._session.facts
        try:
            return find(projects_directory(home_directory(os.environ)), facts.cwd, facts.session_id)
        except SessionError:  # nothing was said yet
            return None

    def _tell_model(self, *, went: bool) -> None:
        if went:
            words = "The user took the files back to an earlier state. Read a file again before you edit it."
            self._session.announce(note(words))


async def _files_back(said: "Sequence[Prompt]", uuid: str) -> tuple[list[str], bool]:
    """What to say of them, and whether they went back."""
    from tianting.cli.rewind import files_back, kept_from

    kept = await kept_from(said, uuid)
    return await files_back(said, uuid, kept, dry_run=False), kept is not None
