"""Text with `*` in it, matched without backtracking: a rule may hold many stars and a command be long."""

from msgspec import Struct


class Wildcard(Struct, frozen=True):
    """A pattern taken apart at its stars."""

    pieces: tuple[str, ...]
    """What stands between the stars; one piece is a text without any."""
    bare: tuple[str, ...] = ()
    """The pieces before a trailing ` *`, which also matches nothing at all."""

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` is meant."""
        return _matches(self.pieces, text) or (bool(self.bare) and _matches(self.bare, text))

    @property
    def head(self) -> str:
        """What every match begins with."""
        return self.pieces[0]

    @property
    def shortest_head(self) -> str:
        """The same without the blank that may be missing."""
        return (self.bare or self.pieces)[0]

    def might_begin(self, known: str) -> bool:
        """Whether a text could match of which only the beginning is known."""
        if not self.head:
            return False  # such a pattern says nothing of a beginning
        return self.head.startswith(known) or (len(self.pieces) > 1 and known.startswith(self.head))


def wildcard(pattern: str) -> Wildcard:
    """Read a pattern: `*` is any text, `\\*` a star, `\\\\` a backslash, a trailing ` *` or `:*` ends a word."""
    if pattern.endswith(":*") and not pattern.endswith("\\:*"):
        pattern = f"{pattern[:-2]} *"
    pieces = _pieces(pattern)
    last_word = len(pieces) > 1 and pieces[-1] == "" and pieces[-2].endswith(" ") and pieces[-2].strip() != ""
    bare = (*pieces[:-2], pieces[-2][:-1]) if last_word else ()
    return Wildcard(tuple(pieces), bare)


def escaped(text: str) -> str:
    """The pattern that means `text` alone."""
    return text.replace("\\", "\\\\").replace("*", "\\*")


def _pieces(pattern: str) -> list[str]:
    pieces, at = [""], 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\" and pattern[at + 1 : at + 2] in {"*", "\\"}:
            at += 1
            pieces[-1] += pattern[at]
        elif character == "*":
            pieces.append("")
        else:
            pieces[-1] += character
        at += 1
    return pieces


def _matches(pieces: tuple[str, ...], text: str) -> bool:
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
