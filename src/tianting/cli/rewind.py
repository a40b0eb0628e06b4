"""`tianting rewind`: a conversation and its files, as they were before one of its prompts."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import click

from tianting import __version__
from tianting.cli.places import current_directory, home_directory
from tianting.cli.restored import carry_out, plain, told
from tianting.cli.safekeeping import checkpoints_here
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import SessionError
from tianting.protocol.ids import is_uuid, random_uuid
from tianting.session.entries import Stamp
from tianting.session.listing import find, latest
from tianting.session.places import projects_directory
from tianting.session.rewinding import Prompt, What, conversation_before, prompts, rewind_conversation

ENDED = "Ended the conversation before that prompt."


@click.command()
@click.argument("prompt", required=False)
@click.option("--files", "what", flag_value="files", help="Only the files.")
@click.option("--conversation", "what", flag_value="conversation", help="Only the conversation.")
@click.option("--both", "what", flag_value="both", default="both", help="Files and conversation, as without it.")
@click.option("--session", metavar="ID", help="Of another session than the newest.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def rewind(prompt: str | None, what: What, session: str | None, dry_run: bool) -> None:
    """Go back to before PROMPT: its number, or its uuid. Without it, list the prompts.

    Nothing is lost: files are kept as a checkpoint, and the transcript only branches.
    """
    path = _transcript(session)
    said = prompts(path)
    if prompt is None:
        _list(said, path)
        return
    chosen = _chosen(said, prompt)
    conversation_before(path, chosen)  # a prompt that is not there must not cost the files
    kept = None if what == "conversation" else anyio.run(kept_from, said, chosen)
    if kept is not None:
        anyio.run(lambda: checkpoints_here().rewind(kept, dry_run=True))  # the same for files that cannot go back
    if what != "files":
        _rewind_conversation(path, chosen, files_too=kept is not None, dry_run=dry_run)
    if what != "conversation":
        for line in anyio.run(partial(files_back, said, chosen, kept, dry_run=dry_run)):
            click.echo(line)


def _transcript(session: str | None) -> Path:
    """The one of `session`, or the newest. Raises `SessionError`."""
    projects, cwd = projects_directory(home_directory(os.environ)), str(current_directory())
    path = find(projects, cwd, session) if session else latest(projects, cwd)
    if path is None:
        raise SessionError("There is no session here: see `tianting sessions --all`.")
    return path


def _list(said: Sequence[Prompt], path: Path) -> None:
    if not said:
        click.echo(f"Session {path.stem} has no prompt to go back to.")
        return
    for number, prompt in enumerate(said, start=1):
        click.echo(f"{number:>4}  {plain(prompt.words)}")
    click.echo(f"\nGo back to before one of session {path.stem}: tianting rewind NUMBER")


def _chosen(said: Sequence[Prompt], wanted: str) -> str:
    """The uuid of the prompt `wanted`. Raises `SessionError`."""
    if is_uuid(wanted):
        return wanted
    if not (wanted.isdecimal() and 1 <= int(wanted) <= len(said)):
        raise SessionError(f"There is no prompt {wanted!r}: `tianting rewind` lists those there are.")
    return said[int(wanted) - 1].uuid


async def kept_from(said: Sequence[Prompt], prompt_id: str) -> str | None:
    """The prompt, or the first after it, whose files are kept: a prompt that changed none has no state of its own.

    Raises `CheckpointError`.
    """
    uuids = [prompt.uuid for prompt in said]
    later = uuids[uuids.index(prompt_id) :] if prompt_id in uuids else [prompt_id]
    kept = {checkpoint.prompt_id for checkpoint in await checkpoints_here().list()}
    return next((uuid for uuid in later if uuid in kept), None)


def _rewind_conversation(path: Path, prompt_id: str, *, files_too: bool, dry_run: bool) -> None:
    if dry_run:
        click.echo("Would end the conversation before that prompt.")
        return
    end_before(path, prompt_id, files_too=files_too)
    click.echo(f"{ENDED}\nGo on from there: tianting -r {path.stem}")


def end_before(path: Path, prompt_id: str, *, files_too: bool) -> None:
    """End the conversation in the transcript `path`, which nobody may have open, before the prompt.

    `files_too` says whether the files went back. Raises `SessionError`; then it is as it was.
    """
    stamp = Stamp(session_id=path.stem, cwd=str(current_directory()), version=__version__)
    rewind_conversation(path, prompt_id, stamp, SystemClock(), random_uuid, files_too=files_too)


async def files_back(said: Sequence[Prompt], chosen: str, kept: str | None, *, dry_run: bool) -> list[str]:
    """Give the files back as `kept_from` says. Gives back what to say of it, safe for a terminal.

    Raises `CheckpointError`.
    """
    if kept is None:
        return ["The files stay as they are: no state of them is kept from that prompt on."]
    lines = []
    if kept != chosen:
        words = next(prompt.words for prompt in said if prompt.uuid == kept)
        lines = [f"The first state kept since then is that before the prompt: {plain(words)}"]
    checkpoints = checkpoints_here()
    done = await carry_out(checkpoints, partial(checkpoints.rewind, kept, dry_run=dry_run))
    way_back = f"tianting checkpoints restore {done.restored.saved_as.id}"
    return [*lines, *told(done, way_back=way_back, dry_run=dry_run)]
