"""Opens a conversation as it was at one of its messages, so that it can go another way from there.

Nothing is written: a log that is opened with it goes on from that message, and what came after is an abandoned
branch, as behind a rewind.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from tianting.protocol.errors import SessionError
from tianting.session.chain import chain_of, chain_up_to
from tianting.session.conversation import Conversation
from tianting.session.history import history_of
from tianting.session.lines import Line
from tianting.session.reading import decoded_lines, load
from tianting.session.remembered import remembered
from tianting.session.spoken import prompted


def conversation_up_to(path: Path, uuid: str, *, dropping: str | None = None) -> Conversation:
    """The conversation of the transcript `path` up to and with its line `uuid`.

    With `dropping`, the id of a prompt, nothing but that prompt's turn may be forgotten. Raises `SessionError`.
    """
    lines = [line for line in decoded_lines(path) if line is not None]
    chain = chain_up_to(lines, uuid)
    if chain is None:
        raise SessionError(f"The session {path.stem} has no message {uuid}, so it cannot go on from there.")
    if dropping is not None:
        kept = {line.uuid for line in chain.lines}
        _refuse_more([line for line in chain_of(lines).lines if line.uuid not in kept], dropping)
    return structs.replace(load(path), history=history_of(remembered(chain.lines)), leaf=chain.leaf)


def _refuse_more(forgotten: Sequence[Line], dropping: str) -> None:
    """Clients look for the first words."""
    spoken = [line.uuid for line in forgotten if line.speaks and not line.is_meta]
    prompts = [line.uuid for line in forgotten if prompted(line)]
    if prompts == spoken[:1] == [dropping]:
        return
    also = ", ".join(str(uuid) for uuid in prompts if uuid != dropping) or "lines of the turn before"
    reason = f"it would also forget {also}" if dropping in prompts else f"the prompt {dropping} is not behind it"
    raise SessionError(f"Resume rejected by --resume-drops-turn: {reason}. Resume without it.")
