"""Sorts the pieces of tool calls into calls, whatever an imitator does with their indices, ids and names.

The rule is to key by `index`. Imitators leave it out, give every call index 0, repeat names and ids in each piece,
send whole calls at once, or no ids at all.
"""

from collections.abc import Callable, Set
from typing import Any

import msgspec
from msgspec import Struct

from tianting.models.arguments import is_complete, original_if_different, read_arguments
from tianting.models.chat.chunks import CallPart
from tianting.protocol.content import ToolUse


class CallNote(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `opaque` holds of a call, as JSON."""

    extra_content: dict[str, Any] = {}
    arguments: str = ""
    """The argument text, where writing the arguments anew would not give the same bytes."""


class ArrivingCall(Struct, kw_only=True):
    """One call, as far as it has come."""

    id: str
    key: int | None
    wire_id: str = ""
    name: str = ""
    pieces: list[str] = []
    """The text of the arguments."""
    extra_content: dict[str, Any] = {}
    block_index: int | None = None
    """Its place in the answer, from when it was shown."""

    @property
    def arguments(self) -> str:
        """The text of the arguments so far."""
        return "".join(self.pieces)

    @property
    def is_whole(self) -> bool:
        """Nothing can follow: its arguments are a complete object."""
        text = self.arguments
        return bool(text) and is_complete(text)

    def block(self) -> ToolUse:
        """The call as a block."""
        text = self.arguments
        arguments, unparsed = read_arguments(text)
        kept = "" if unparsed else original_if_different(arguments, text)
        note = CallNote(extra_content=self.extra_content, arguments=kept)
        opaque = "" if note == CallNote() else msgspec.json.encode(note).decode()
        return ToolUse(id=self.id, name=self.name, input=arguments, unparsed=unparsed, opaque=opaque)


class CallCollector:
    """The calls of one answer. `taken` are ids that earlier calls of the conversation have."""

    def __init__(self, taken: Set[str], new_id: Callable[[], str]) -> None:
        self.calls: list[ArrivingCall] = []
        self._taken = set(taken)
        self._new_id = new_id

    def add(self, part: CallPart) -> ArrivingCall:
        """Put `part` where it belongs, and give the call it belongs to."""
        call = self._call_of(part) or self._begin(part)
        call.wire_id = call.wire_id or part.id or ""
        call.name = call.name or part.name
        call.pieces.append(part.arguments)
        if isinstance(part.extra_content, dict):
            call.extra_content = part.extra_content
        return call

    def add_written(self, name: str, arguments: str) -> None:
        """Add a whole call that stood in the text."""
        self.calls.append(ArrivingCall(id=self._free_id(""), key=None, name=name, pieces=[arguments]))

    def _begin(self, part: CallPart) -> ArrivingCall:
        call = ArrivingCall(id=self._free_id(part.id or ""), key=part.index)
        self.calls.append(call)
        return call

    def _free_id(self, wanted: str) -> str:
        free = wanted if wanted and wanted not in self._taken else f"call_{self._new_id().replace('-', '')[:24]}"
        self._taken.add(free)
        return free

    def _call_of(self, part: CallPart) -> ArrivingCall | None:
        """The call that `part` continues, or None where it begins one."""
        if part.index is None:
            return self._call_without_index(part)
        call = next((call for call in reversed(self.calls) if call.key == part.index), None)
        if call is None or (part.name and _is_other(call, part)):
            return None
        return call

    def _call_without_index(self, part: CallPart) -> ArrivingCall | None:
        if part.id:
            return next((call for call in self.calls if call.wire_id == part.id), None)
        last = self.calls[-1] if self.calls else None
        return None if last is None or (part.name and last.arguments) else last


def _is_other(call: ArrivingCall, part: CallPart) -> bool:
    """Whether `part`, which has a name and the same index, is another call all the same."""
    has_other_id = bool(part.id and call.wire_id and part.id != call.wire_id)
    return has_other_id or (part.arguments.startswith("{") and call.is_whole)
