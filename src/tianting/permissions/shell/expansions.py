"""Words and the expansions in them: which stretch of text is one word, and what only the running shell puts in."""

import re
from collections.abc import Callable

from tree_sitter import Node

from tianting.permissions.script import NUMBER, SUBSCRIPT, Word
from tianting.permissions.shell.tree_source import JOINED, Source
from tianting.permissions.shell.words import DisagreementError, Hole, read_word

MAX_DEPTH = 40

_SUBSTITUTIONS = frozenset({"command_substitution", "process_substitution"})
_EXPANSIONS = _SUBSTITUTIONS | {"simple_expansion", "expansion", "arithmetic_expansion"}
_ARITHMETIC = re.compile(r"\(\([^()'\"\\`]*(?:\([^()'\"\\`]*\)[^()'\"\\`]*)*\)\)")
_SIMPLE = re.compile(r"\$(?:[A-Za-z_]\w*|[0-9@*#?$!-])", re.ASCII)
# Which quotes count between these braces depends on the quotes around them, so there may be none. `@P` and `!` expand
# a value once more.
_CAREFUL = re.compile(r"\$\{#?(?:\w+|[@*?#-])(?:\[[^\[\]\s'\"\\{}]*\])?(?:[-:=+?#%/^,][^'\"\\{}`$;&|<>\n]*)?\}")
_COMPUTED = re.compile(r"\[(?!(?:[@*]|\d+)\])|:(?![-=+?]|[ \d:]+\})")
_NAMED = re.compile(r"\$\{(\w+)(:\?[^`$()<>\\'\"]*)?\}")


class Expansions:
    """Reads the words of one tree. The commands of a substitution go to `visit`."""

    def __init__(self, source: Source, visit: Callable[[Node, int], object]) -> None:
        self._source = source
        self._visit = visit

    def words(self, pieces: list[Node], depth: int) -> list[Word]:
        return [read_word(self._source.text, *span) for span in self.spans(pieces, depth)]

    def word(self, node: Node, depth: int) -> Word:
        begin, end = self._source.begin(node), self._source.end(node)
        return read_word(self._source.text, begin, end, self.holes(node, depth))

    def spans(self, pieces: list[Node], depth: int) -> list[tuple[int, int, list[Hole]]]:
        """Where the words stand. Pieces with nothing between them are one word."""
        spans: list[tuple[int, int, list[Hole]]] = []
        for piece in pieces:
            begin, end, holes = self._source.begin(piece), self._source.end(piece), self.holes(piece, depth)
            if spans and JOINED.fullmatch(self._source.text, spans[-1][1], begin):
                begin, holes = spans[-1][0], spans.pop()[2] + holes
            spans.append((begin, end, holes))
        return spans

    def holes(self, node: Node, depth: int) -> list[Hole]:
        """The outermost expansions in `node`, whose own commands are collected on the way."""
        if node.child_count == 0:
            return []
        if depth > MAX_DEPTH:
            raise DisagreementError("it is nested too deeply")
        if node.type in _EXPANSIONS:
            return [(self._source.begin(node), self._source.end(node), self._expansion(node, depth + 1))]
        return [hole for child in node.children for hole in self.holes(child, depth + 1)]

    def check_arithmetic(self, node: Node, holes: list[Hole]) -> None:
        """`((a) )` looks like arithmetic and is a command."""
        rest = self._source.without(self._source.begin(node), self._source.end(node), holes)
        if not _ARITHMETIC.fullmatch(rest.removeprefix("$")):
            raise DisagreementError("its arithmetic is not understood")

    def _expansion(self, node: Node, depth: int) -> str:
        """Collect what an expansion runs; the variable's name if it is a plain one."""
        raw = self._source.raw(node)
        if node.type in _SUBSTITUTIONS:
            self._visit(node, depth)
            return raw[:2] if node.type == "process_substitution" else ""
        if node.type == "simple_expansion":
            return _plain_name(raw)
        inner = [hole for child in node.children for hole in self.holes(child, depth)]
        if node.type == "arithmetic_expansion":
            self.check_arithmetic(node, inner)
            return NUMBER
        if named := _NAMED.fullmatch(raw):
            return named.group(1) + (":?" if named.group(2) else "")
        begin, end = self._source.begin(node), self._source.end(node)
        if not _CAREFUL.fullmatch(self._source.without(begin, end, inner)):
            raise DisagreementError("its expansion of a variable is unusual")
        return SUBSCRIPT if _COMPUTED.search(raw) else ""


def _plain_name(raw: str) -> str:
    if not _SIMPLE.fullmatch(raw):
        raise DisagreementError
    return raw[1:]
