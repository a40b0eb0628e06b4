"""Takes a conversation back to before one of its prompts, its files, or both, without deleting a word.

    transcript:  a → b → prompt → c → d          the newest line that speaks ends the conversation
                     └→ note                     so a note that hangs on `b` makes c and d an abandoned branch

The note tells the model what happened, and any reader of transcripts follows it. Which state of the files belongs to
a prompt, the checkpoint says: it was taken with the prompt's id.
"""

from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from tianting.plumbing.clock import Clock
from tianting.protocol.errors import CheckpointError, SessionError
from tianting.protocol.events import NoteAdded
from tianting.protocol.ids import NewId
from tianting.protocol.messages import UserMessage, note
from tianting.session.chain import chain_before, chain_of
from tianting.session.conversation import Conversation
from tianting.session.entries import Stamp
from tianting.session.history import history_of
from tianting.session.log import SessionLog
from tianting.session.reading import decoded_lines, load
from tianting.session.remembered import remembered
from tianting.session.spoken import spoken
from tianting.session.titles import prompt_line
from tianting.worktree.checkpoints import Checkpoints, Restored

_FILES_TOO = "and the files are as they were then"
_FILES_STAY = "but the files are as they are now"

What = Literal["files", "conversation", "both"]
"""What goes back."""


class Prompt(Struct, frozen=True, kw_only=True):
    """A place that a conversation can be taken back to."""

    uuid: str
    words: str
    """On one line, shortened."""


class FilesRewound(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The answer to the control request `rewind_files`; names are the protocol's."""

    can_rewind: bool
    error: str | None = None
    files_changed: tuple[str, ...] = ()
    insertions: int = 0
    deletions: int = 0


def prompts(path: Path) -> list[Prompt]:
    """The prompts of the conversation in the transcript `path`, oldest first. Raises `SessionError`."""
    lines = [line for line in decoded_lines(path) if line is not None]
    said = ((line.uuid, spoken(line)) for line in chain_of(lines).lines)
    return [Prompt(uuid=uuid, words=prompt_line(words)) for uuid, words in said if uuid is not None and words]


def conversation_before(path: Path, prompt_id: str) -> Conversation:
    """The conversation as it was before the prompt `prompt_id`, which may be on an abandoned branch.

    Writes nothing: a log that is opened with it goes on from there. Raises `SessionError`.
    """
    lines = [line for line in decoded_lines(path) if line is not None]
    chain = chain_before(lines, prompt_id)
    if chain is None:
        raise SessionError(f"The session {path.stem} has no prompt {prompt_id!r}.")
    return structs.replace(load(path), history=history_of(remembered(chain.lines)), leaf=chain.leaf)


def rewind_conversation(
    path: Path, prompt_id: str, stamp: Stamp, clock: Clock, new_id: NewId, *, files_too: bool
) -> Conversation:
    """Go back to before the prompt `prompt_id`, lastingly. `files_too` says whether the files went back as well.

    The transcript must not be open elsewhere. Raises `SessionError`; then it is as it was.
    """
    before = conversation_before(path, prompt_id)
    log = SessionLog(path, stamp, clock, new_id, before)
    try:
        log.record(NoteAdded(message=rewound_note(files_too=files_too)))
    finally:
        log.close()
    return load(path)


def rewound_note(*, files_too: bool) -> UserMessage:
    """What the model is told: it may remember files that are no longer so."""
    files = _FILES_TOO if files_too else _FILES_STAY
    return note(f"The user took the conversation back to this point, {files}. Read a file again before you edit it.")


async def rewind_files(checkpoints: Checkpoints, prompt_id: str, *, dry_run: bool) -> FilesRewound:
    """Give the files back as they were before the prompt `prompt_id`. Never raises for what it finds."""
    try:
        restored = await checkpoints.rewind(prompt_id, dry_run=dry_run)
        inserted, deleted = await checkpoints.count_lines(restored.saved_as.id, restored.to.id)
    except CheckpointError as error:
        return FilesRewound(can_rewind=False, error=str(error))
    return FilesRewound(
        can_rewind=True,
        error=_refusals(restored),
        files_changed=tuple(change.path for change in restored.changes),
        insertions=inserted,
        deletions=deleted,
    )


def _refusals(restored: Restored) -> str | None:
    if not restored.refused:
        return None
    first = restored.refused[0]
    more = f" {len(restored.refused) - 1} more stay as they are, too." if len(restored.refused) > 1 else ""
    return f"{first.path}: {first.reason}{more}"
