"""Takes over a session that another agent wrote, so that going on with it leaves that agent's file as it is."""

from pathlib import Path

from tianting.plumbing.atomic_file import write_atomically
from tianting.plumbing.json_lines import make_private_directory
from tianting.protocol.errors import SessionError


def adopt(source: Path, target: Path) -> None:
    """Copy the transcript `source` to `target`, byte for byte: abandoned branches and unknown lines are kept.

    The copy is whole or not there. Raises `SessionError` when `target` exists, `source` cannot be read, or the disk
    refuses.
    """
    if target.exists():
        raise SessionError(f"There is already a session {target.stem} at {target}.")
    try:
        copy = source.read_bytes()
        make_private_directory(target.parent)
        write_atomically(target, copy, mode=0o600, durable=True)
    except OSError as error:
        raise SessionError(f"Cannot take over the session {source}: {error.strerror}.") from error
