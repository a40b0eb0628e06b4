"""What happened to a work tree's checkpoints, line by line: taken, moved to. The one record that undo goes by."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.plumbing.atomic_file import write_atomically
from tianting.plumbing.json_lines import JsonLineWriter, read_lines
from tianting.worktree.shadow.limits import Retention

_DAY = 86_400.0


class Checkpoint(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="taken"):
    """The state of a work tree at one moment."""

    id: str
    at: float
    """Seconds since 1970."""
    label: str
    """What it was taken for, as a person reads it."""
    tree: str
    """Equal trees, equal files."""
    root: str
    """Where the store has it."""
    prompt_id: str | None = None
    tool_call_id: str | None = None
    stands_for: str | None = None
    """The checkpoint whose state it is short of: a restore that was killed, or that could not do everything."""


class Moving(Struct, frozen=True, kw_only=True, tag_field="type", tag="moving"):
    """A restore begins."""

    to: str
    at: float


class Moved(Struct, frozen=True, kw_only=True, tag_field="type", tag="moved"):
    """The restore that began last is done."""

    to: str
    at: float


Record = Checkpoint | Moving | Moved

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def append(path: Path, *records: Record) -> None:
    """Add lines to the journal at `path`. Raises `OSError`."""
    writer = JsonLineWriter(path)
    try:
        writer.append([_encoder.encode(record) for record in records])
    finally:
        writer.close()


def read(path: Path) -> list[Record]:
    """All records, oldest first; none where there is no journal. Damaged lines are left out."""
    try:
        lines = list(read_lines(path))
    except FileNotFoundError:
        return []
    return [record for record in map(_decoded, lines) if record is not None]


def rewrite(path: Path, records: Iterable[Record]) -> None:
    """Replace the journal by `records`, in one step. Raises `OSError`."""
    write_atomically(path, b"".join(_encoder.encode(record) + b"\n" for record in records), mode=0o600)


def retained(records: Sequence[Record], retention: Retention, now: float) -> list[Record]:
    """The records that stay: of prompts and of other states the newest, and always the last one and where we are."""
    checkpoints = [record for record in records if isinstance(record, Checkpoint)]
    of_prompts = [record.id for record in checkpoints if record.prompt_id][-retention.prompts :]
    others = [record.id for record in checkpoints if not record.prompt_id][-retention.others :]
    young = {record.id for record in checkpoints if record.at > now - retention.days * _DAY}
    moves = [record.to for record in records if not isinstance(record, Checkpoint)]
    kept = (young & {*of_prompts, *others}) | {*moves[-1:], *(record.id for record in checkpoints[-1:])}
    return [record for record in records if (record.id if isinstance(record, Checkpoint) else record.to) in kept]


def _decoded(line: bytes) -> Record | None:
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        return None
