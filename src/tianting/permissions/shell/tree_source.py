"""The source text beside its tree: where nodes stand, and that nothing stands between them unseen."""

import itertools
import re

from tree_sitter import Node

from tianting.permissions.shell.words import DisagreementError, Hole

BLANK = re.compile(r"(?:[ \t]|\\\n)*")
BLANK_LINES = re.compile(r"(?:[ \t\n]|\\\n)*")
JOINED = re.compile(r"(?:\\\n)*")
_SUBSTITUTION = re.compile(r"\$\(|`|[<>]\(")


class Source:
    """A text and the positions of a tree over it."""

    def __init__(self, text: str) -> None:
        self.text = text
        # The parser counts bytes.
        self._characters = None if text.isascii() else _character_of_byte(text)

    def begin(self, node: Node) -> int:
        return self._characters[node.start_byte] if self._characters else node.start_byte

    def end(self, node: Node) -> int:
        return self._characters[node.end_byte] if self._characters else node.end_byte

    def raw(self, node: Node) -> str:
        return self.text[self.begin(node) : self.end(node)]

    def touch(self, one: Node, other: Node) -> bool:
        """Whether the shell sees nothing between two nodes."""
        return JOINED.fullmatch(self.text, self.end(one), self.begin(other)) is not None

    def children(self, node: Node, blank: re.Pattern[str]) -> list[Node]:
        """The children, after a look at what stands between them. Raises `DisagreementError`."""
        children = node.children
        for one, other in itertools.pairwise(children):
            if one.end_byte != other.start_byte and not blank.fullmatch(self.text, self.end(one), self.begin(other)):
                raise DisagreementError
        return children

    def check_margins(self, root: Node) -> None:
        """Before the first node and behind the last there is nothing but blanks."""
        children = root.children
        first, last = (self.begin(children[0]), self.end(children[-1])) if children else (len(self.text), 0)
        if not (BLANK_LINES.fullmatch(self.text, 0, first) and BLANK_LINES.fullmatch(self.text, last)):
            raise DisagreementError

    def without(self, begin: int, end: int, holes: list[Hole]) -> str:
        """The text with a 0 for each expansion."""
        parts: list[str] = []
        for first, last, _ in sorted(holes):
            parts += [self.text[begin:first], "0"]
            begin = last
        return "".join([*parts, self.text[begin:end]])

    def check_covered(self, node: Node, holes: list[Hole]) -> str:
        """What is left of `node` without its expansions: no substitution that the parser did not see."""
        rest = self.without(self.begin(node), self.end(node), holes)
        if _SUBSTITUTION.search(rest):
            raise DisagreementError("it may run a text that is quoted in it")
        return rest


def field(node: Node, name: str) -> Node:
    """The child in a place that the grammar fills. Raises `DisagreementError` for a tree that is torn there."""
    child = node.child_by_field_name(name)
    if child is None:
        raise DisagreementError
    return child


def _character_of_byte(text: str) -> list[int]:
    index: list[int] = []
    for number, character in enumerate(text):
        index += [number] * len(character.encode())
    return [*index, len(text)]
