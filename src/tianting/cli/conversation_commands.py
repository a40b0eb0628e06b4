"""What a person can have done in the middle of a conversation, without the model."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from tianting.protocol.messages import note
from tianting.session.session import Session
from tianting.surfaces.conversation import Command, Deed


def conversation_commands(session: Session, rewind: Deed) -> dict[str, Command]:
    """By the word that calls them. `rewind` is the deed of `/rewind`, which may end the session."""
    return {
        "/undo": Command("gives back the files as they were before the last change.", partial(_go, "undo", session)),
        "/redo": Command("takes back the last /undo.", partial(_go, "redo", session)),
        "/rewind": Command("goes back to before an earlier prompt: files, conversation or both.", rewind),
    }


async def _go(verb: Literal["undo", "redo"], session: Session) -> Sequence[str]:
    """One state back or forth; the model is told, for it remembers files that are no longer so."""
    from tianting.cli.restored import carry_out, summary, told
    from tianting.cli.safekeeping import checkpoints_here

    checkpoints = checkpoints_here()
    done = await carry_out(checkpoints, checkpoints.undo if verb == "undo" else checkpoints.redo)
    changes = summary(done.restored.changes)
    session.announce(note(f"The user ran {verb} on the files: {changes}. Read a file again before you edit it."))
    return told(done, way_back="/redo" if verb == "undo" else "/undo")
