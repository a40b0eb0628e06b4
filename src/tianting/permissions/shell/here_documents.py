"""Finds a here-document's text as bash does, and refuses where the parser found another.

A document that ends earlier than it seems has commands behind its end.
"""

import re

from msgspec import Struct
from tree_sitter import Node

from tianting.permissions.script import HOLE
from tianting.permissions.shell.tree_source import Source
from tianting.permissions.shell.words import DisagreementError, Hole

_DELIMITER = re.compile(r"(['\"]?)([\w.-]+)\1|\\([\w.-]+)", re.ASCII)


class HereDocument(Struct, frozen=True):
    """One here-document."""

    operator: str
    quoted: bool
    """Nothing in it is expanded."""
    begin: int
    end: int
    nodes: tuple[Node, ...]

    def value(self, text: str, holes: list[Hole]) -> str:
        """What the command reads."""
        parts, at = [], self.begin
        for first, last, _ in sorted(holes):
            parts += [text[at:first], HOLE]
            at = last
        body = "".join([*parts, text[at : self.end]])
        return re.sub(r"^\t+", "", body, flags=re.MULTILINE) if self.operator == "<<-" else body


def here_document(node: Node, source: Source) -> tuple[HereDocument, list[Node]]:
    """The document, and the nodes of the rest of the line it is announced on. Raises `DisagreementError`."""
    text, begin, end = source.text, source.begin, source.end
    parts = {child.type: child for child in node.children}
    start, closing = parts.get("heredoc_start"), parts.get("heredoc_end")
    operator = "<<-" if "<<-" in parts else "<<"
    form = _DELIMITER.fullmatch(text, begin(start), end(start)) if start and closing else None
    if start is None or closing is None or form is None:
        raise DisagreementError("its here-document is unusual")
    quoted = bool(form.group(1) or form.group(3))
    line_end = text.find("\n", end(start))
    first, last = _body(text, line_end + 1, form.group(2) or form.group(3), operator)
    rest = [child for child in node.children if child.type not in _OWN]
    if text[last : end(closing)].strip("\t") != source.raw(closing).strip("\t") or last > begin(closing):
        raise DisagreementError("its here-document may end earlier")
    # A backslash joins two lines: what looks like the end is none, and the announcement goes on.
    joined = text[line_end - 1] == "\\" or (not quoted and "\\\n" in text[first:last])
    announced = text[_line_begin(text, begin(start)) : line_end].count("<<")
    if joined or announced != 1 or any(end(child) > line_end for child in rest):
        raise DisagreementError("its here-document is unusual")
    body = tuple(child for child in node.children if child.type == "heredoc_body")
    return HereDocument(operator, quoted, first, last, body), rest


_OWN = frozenset({"<<", "<<-", "heredoc_start", "heredoc_body", "heredoc_end", "file_descriptor"})


def _body(text: str, at: int, delimiter: str, operator: str) -> tuple[int, int]:
    """Begin and end of the lines before the first that is the delimiter."""
    begin = at
    while at < len(text):
        line = text[at:].partition("\n")[0]
        if (line.lstrip("\t") if operator == "<<-" else line) == delimiter:
            return begin, at
        at += len(line) + 1
    raise DisagreementError("its here-document has no end")


def _line_begin(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1
