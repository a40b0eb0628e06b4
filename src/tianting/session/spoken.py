"""What a person said in a line of a transcript: titles are made of it, and conversations are taken back to it."""

from tianting.protocol.content import text_of
from tianting.session.block_reading import user_blocks
from tianting.session.lines import Line
from tianting.session.titles import is_spoken


def spoken(line: Line) -> str:
    """A person's words in `line`; empty when nobody spoke."""
    words = prompted(line)
    return words if is_spoken(words) else ""


def prompted(line: Line) -> str:
    """The words in `line` of a person, or of a program in their name; empty for results and notes."""
    if line.type != "user" or line.is_meta or line.is_compact_summary:
        return ""
    return text_of(user_blocks(line.field("content")))
