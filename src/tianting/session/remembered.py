"""Which lines of a conversation the model still remembers: a compaction puts a summary before what comes next.

    a → b → c → boundary → summary → d      is remembered as      boundary → summary → d
                boundary that keeps c                             boundary → summary → c → d

Lines that were kept word for word are not written again; the boundary names them.
"""

from collections.abc import Sequence
from typing import Any

from tianting.session.lines import Line


def remembered(lines: Sequence[Line]) -> Sequence[Line]:
    """The part of `lines`, which are a chain's, that goes to the model. All, without a compaction."""
    start = next((index for index in reversed(range(len(lines))) if lines[index].starts_after_compaction), None)
    if start is None:
        return lines
    after = lines[start:]
    place = next((index + 1 for index, line in enumerate(after) if line.is_compact_summary), 1)
    return [*after[:place], *_kept(lines[:start], after[0].compact_metadata), *after[place:]]


def _kept(before: Sequence[Line], metadata: Any) -> Sequence[Line]:
    match metadata:
        case {"preservedMessages": {"uuids": list(uuids)}}:
            return [line for line in before if _is_named(line, uuids)]
        case {"preservedSegment": {"headUuid": str(head), "tailUuid": str(tail)}}:
            return _segment(before, head, tail)
    return ()


def _segment(before: Sequence[Line], head: str, tail: str) -> Sequence[Line]:
    first = next((index for index, line in enumerate(before) if _is_named(line, [head])), None)
    last = next((index for index, line in enumerate(before) if _is_named(line, [tail])), None)
    return () if first is None or last is None else before[first : last + 1]


def _is_named(line: Line, uuids: Sequence[Any]) -> bool:
    """Whether `uuids` means `line`: in a copy that gave lines new names, the boundary still says the old ones."""
    before = line.forked_from.get("messageUuid") if isinstance(line.forked_from, dict) else None
    return line.uuid in uuids or (before is not None and before in uuids)
