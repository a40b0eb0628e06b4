"""The items of the Responses API, read at the door, and what of them a block cannot hold.

Source: the types of the `openai` SDK 3.51, and OpenAI's API reference ("Responses").
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from tianting.models.arguments import original_if_different, read_arguments
from tianting.protocol.content import AssistantBlock, Opaque, Text, Thinking, ToolUse
from tianting.protocol.tool_calls import ToolSpec


class ItemNote(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `opaque` holds of an item, as JSON: its name at the provider's, and words it wants to see again."""

    id: str = ""
    phase: str = ""
    status: str = ""
    namespace: str = ""
    arguments: str = ""
    """The argument text, where writing the arguments anew would not give the same bytes."""


class Part(Struct, frozen=True, kw_only=True):
    """A piece of a message or of reasoning."""

    text: str | None = None
    refusal: str | None = None


class Item(Struct, frozen=True, kw_only=True):
    """The four types of item that become blocks of ours. What the type does not have is None."""

    type: str
    id: str | None = None
    status: str | None = None
    phase: str | None = None
    content: Sequence[Part] | None = None
    summary: Sequence[Part] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None

    @property
    def words(self) -> str:
        """All text of a message, refusals too."""
        return "".join(part.text or part.refusal or "" for part in self.content or ())

    @property
    def refused(self) -> bool:
        """Whether a message says no."""
        return any(part.refusal for part in self.content or ())

    @property
    def reasoning(self) -> str:
        """The summary, or where there is none the reasoning itself, which open models show."""
        return "\n\n".join(part.text or "" for part in self.summary or self.content or ())


class _Head(Struct, frozen=True):
    type: str = ""


_heads = msgspec.json.Decoder(_Head)
_items = msgspec.json.Decoder(Item)
_notes = msgspec.json.Decoder(ItemNote)
_READ = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})


def read_item(raw: Raw) -> Item | None:
    """Read one item; None for a type that is only kept. Raises `msgspec.DecodeError`, handled by the assembly."""
    return _items.decode(raw) if _heads.decode(raw).type in _READ else None


def read_note(opaque: str) -> ItemNote:
    """What `opaque` says, or nothing where another program wrote it."""
    try:
        return _notes.decode(opaque)
    except msgspec.DecodeError:
        return ItemNote()


def block_of(raw: Raw, item: Item | None, parameters: dict[str, str]) -> AssistantBlock:
    """The block a finished item becomes. `parameters`: see `freeform_parameters`."""
    if item is None:
        return Opaque(raw=msgspec.json.decode(raw))
    match item.type:
        case "message":
            note = ItemNote(id=item.id or "", phase=item.phase or "", status=item.status or "")
            return Text(text=item.words, opaque=_written(note))
        case "reasoning":
            return Thinking(thinking=item.reasoning, signature=bytes(raw).decode())
        case _:
            return _call(item, parameters)


def freeform_parameters(tools: Sequence[ToolSpec]) -> dict[str, str]:
    """For each tool with a grammar, the name of its one parameter: that is where a call's raw text goes."""
    return {tool.name: next(iter(tool.input_schema["properties"])) for tool in tools if tool.grammar}


def _call(item: Item, parameters: dict[str, str]) -> ToolUse:
    name = item.name or ""
    if item.type == "custom_tool_call":
        note = ItemNote(id=item.id or "", namespace=item.namespace or "")
        value = {parameters.get(name, "input"): item.input or ""}
        return ToolUse(id=call_id(item), name=name, input=value, opaque=_written(note))
    text = item.arguments or ""
    arguments, unparsed = read_arguments(text)
    kept = "" if unparsed else original_if_different(arguments, text)
    note = ItemNote(id=item.id or "", namespace=item.namespace or "", arguments=kept)
    return ToolUse(id=call_id(item), name=name, input=arguments, unparsed=unparsed, opaque=_written(note))


def call_id(item: Item) -> str:
    """What ties a call to its result; imitators forget it, and have only the item's own id."""
    return item.call_id or item.id or ""


def _written(note: ItemNote) -> str:
    return "" if note == ItemNote() else msgspec.json.encode(note).decode()
