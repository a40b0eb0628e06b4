"""From shell text to its commands, by the grammar of bash: check the text -> parse -> walk -> one `Script`.

The parser forgives what bash does not, so nothing it says is taken on trust: only node types known here are walked,
every gap between two nodes must be blank, and `words` and `here_documents` read the quotes a second time.
Whatever does not fit together is `Unreadable`. The only module that loads the parser (16 ms).
"""

import itertools
import re

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from tianting.permissions.script import (
    MAX_CHARACTERS,
    Assignment,
    Command,
    Function,
    Redirection,
    Script,
    Span,
    Unreadable,
    Word,
)
from tianting.permissions.shell.expansions import MAX_DEPTH, Expansions
from tianting.permissions.shell.here_documents import here_document
from tianting.permissions.shell.plain import RESERVED, read_plain
from tianting.permissions.shell.tree_source import BLANK, BLANK_LINES, JOINED, Source, field
from tianting.permissions.shell.words import DisagreementError, check_test, read_word

_LANGUAGE = Language(tree_sitter_bash.language())
_UNSAFE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff]"
)
_GROUPS = frozenset(
    {
        "program", "subshell", "compound_statement", "do_group", "if_statement", "elif_clause", "else_clause",
        "while_statement", "negated_command", "variable_assignments", "command_substitution", "process_substitution",
    }
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[[^\s;&|<>()`'\"\\]*\])?")
_ASSIGNS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[.*\])?\+?=", re.DOTALL)
_COPY = re.compile(r"\d+-?|-")


def read_script(text: str) -> Script | Unreadable:
    """Every command `text` may run. Never raises."""
    if plain := read_plain(text):
        return plain
    if len(text) > MAX_CHARACTERS:
        return Unreadable(f"it is longer than {MAX_CHARACTERS:,} characters")
    if odd := _UNSAFE.search(text):
        return Unreadable(f"it holds the invisible character U+{ord(odd.group()):04X}")
    root = Parser(_LANGUAGE).parse(text.encode()).root_node
    source = Source(text)
    walk = _Walk(source)
    try:
        source.check_margins(root)
        walk.visit(root, 0)
    except DisagreementError as doubt:
        return Unreadable(str(doubt) or "its quoting is unusual", tuple(walk.commands))
    if root.has_error:
        return Unreadable("its syntax is not understood", tuple(walk.commands))
    return walk.script()


class _Walk:
    """One walk over one tree, collecting as it goes."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._expansions = Expansions(source, self.visit)
        self.commands: list[Command] = []
        self._pipelines: list[tuple[Span, ...]] = []
        self._functions: list[Function] = []
        self._background: list[Span] = []

    def script(self) -> Script:
        return Script(
            commands=tuple(self.commands),
            pipelines=tuple(self._pipelines),
            functions=tuple(self._functions),
            background=tuple(self._background),
        )

    # --- statements

    def visit(self, node: Node, depth: int) -> Span:
        """Collect the commands of `node`; their span."""
        if depth > MAX_DEPTH:
            raise DisagreementError("it is nested too deeply")
        first = len(self.commands)
        kind = node.type
        if kind == "command":
            self._command(node, [], depth)
        elif kind == "list":
            self._list(node, depth)
        elif kind == "pipeline":
            self._pipeline(node, depth)
        elif kind in _GROUPS:
            self._group(node, depth)
        else:
            self._rarer(node, depth)
        return first, len(self.commands)

    def _rarer(self, node: Node, depth: int) -> None:
        match node.type:
            case "redirected_statement":
                self._redirected(node, depth)
            case "variable_assignment":
                self.commands.append(Command(words=(), assignments=(self._assignment(node, depth),)))
            case "declaration_command" | "unset_command" | "test_command":
                self._evaluation(node, depth)
            case "for_statement" | "case_statement" | "case_item" | "c_style_for_statement":
                self._headed(node, depth)
            case "function_definition":
                self._function(node, depth)
            case "comment":
                self._comment(node)
            case other:
                raise DisagreementError(f"it holds {other.replace('_', ' ')}" if other != "ERROR" else "")

    def _group(self, node: Node, depth: int) -> None:
        children = self._source.children(node, BLANK_LINES)
        if children and children[0].type == "((":
            return self._arithmetic(node, depth)
        if children and children[0].type == "`" and "\\" in self._source.raw(node):
            raise DisagreementError("it has escapes between backquotes")
        if len(children) > 1 and children[0].type in _NEEDS_BLANK and self._source.touch(children[0], children[1]):
            raise DisagreementError  # `{}` and `!x` are names of programs
        last: Span = (0, 0)
        redirections: list[Redirection] = []
        for child in children:
            if child.type == "&":
                self._background.append(last)
            elif child.type == "file_redirect":  # $(< file)
                redirections += self._redirection(child, depth)[0]
            elif child.is_named:
                last = self.visit(child, depth + 1)
        if redirections:
            self.commands.append(Command(words=(), redirections=tuple(redirections)))
        return None

    def _list(self, node: Node, depth: int) -> None:
        """`a && b || c` leans to the left: two hundred of them would be two hundred levels deep."""
        parts: list[Node] = []
        while node.type == "list":
            children = self._source.children(node, BLANK_LINES)
            parts += reversed(children[1:])
            node = children[0]
        for part in (node, *reversed(parts)):
            if part.is_named:
                self.visit(part, depth + 1)

    def _pipeline(self, node: Node, depth: int, before: Span | None = None) -> None:
        stages = [before] if before else []
        for child in self._source.children(node, BLANK_LINES):
            if child.is_named and child.type != "comment":
                stages.append(self.visit(child, depth + 1))
        self._pipelines.append(tuple(stages))

    def _headed(self, node: Node, depth: int) -> None:
        """Loops and `case`: words first, then commands."""
        children = self._source.children(node, BLANK_LINES)
        if node.type == "c_style_for_statement":
            head = self._source.text[
                self._source.begin(node) : self._source.begin(node.child_by_field_name("body") or node)
            ]
            if re.search(r"['\"\\`]|\$\(", head):
                raise DisagreementError("it computes with quoted text")
        values: list[Word] = []
        for index, child in enumerate(children):
            field = node.field_name_for_child(index)
            if field == "value":
                values.append(self._expansions.word(child, depth))
            elif child.is_named and field not in {"variable", "initializer", "condition", "update", "termination"}:
                self.visit(child, depth + 1)
        variable = node.child_by_field_name("variable")
        if variable is not None and node.type == "for_statement":
            name = self._source.raw(variable)
            self.commands.append(Command(words=(), assignments=tuple(Assignment(name, value) for value in values)))

    def _function(self, node: Node, depth: int) -> None:
        name, body = field(node, "name"), field(node, "body")
        self._source.children(node, BLANK_LINES)
        span = self.visit(body, depth + 1)
        self._functions.append(Function(self._source.raw(name), span))
        redirections = [
            redirection
            for child in node.children_by_field_name("redirect")
            for redirection in self._redirection(child, depth)[0]
        ]
        if redirections:
            self.commands.append(Command(words=(), redirections=tuple(redirections)))

    def _comment(self, node: Node) -> None:
        before = self._source.text[: self._source.begin(node)]
        while before.endswith("\\\n"):
            before = before[:-2]
        if "\n" in self._source.raw(node) or (before[-1:] or " ") not in " \t\n;&|()":
            raise DisagreementError("its comment may not be one")

    # --- commands

    def _redirected(self, node: Node, depth: int) -> None:
        children = self._source.children(node, BLANK)
        body = [child for child in children if child.type not in _REDIRECTS]
        redirects = [child for child in children if child.type in _REDIRECTS]
        if len(body) == 1 and body[0].type == "command":
            return self._command(body[0], redirects, depth)
        span = self.visit(body[0], depth + 1) if body else (len(self.commands), len(self.commands))
        words, redirections = self._redirections(redirects, depth, span)
        if words:
            raise DisagreementError
        self.commands.append(Command(words=(), redirections=tuple(redirections)))
        return None

    def _command(self, node: Node, redirects: list[Node], depth: int) -> None:
        """One simple command; `redirects` follow it."""
        slot = len(self.commands)
        self.commands.append(Command(words=()))  # holds the place before its substitutions
        assignments: list[Assignment] = []
        pieces: list[Node] = []
        attached: list[Node] = []
        for child in self._source.children(node, BLANK):
            if child.type == "variable_assignment" and not pieces:
                assignments.append(self._assignment(child, depth))
            elif child.type in _REDIRECTS:
                attached.append(child)
            else:
                pieces.append(child)
        self._keep_apart(node, redirects)
        words = self._expansions.words(pieces, depth)
        own, redirections = self._redirections(attached, depth, (slot, len(self.commands)))
        more, further = self._redirections(redirects, depth, (slot, len(self.commands)))
        _check_first(words)
        self.commands[slot] = Command(
            words=(*words, *own, *more),
            assignments=tuple(assignments),
            redirections=(*redirections, *further),
            inside=self._since(slot + 1),
        )

    def _evaluation(self, node: Node, depth: int) -> None:
        slot = len(self.commands)
        self.commands.append(Command(words=()))
        children = self._source.children(node, BLANK)
        spans = self._expansions.spans(children, depth)
        holes = [hole for *_, inner in spans for hole in inner]
        rest = self._source.check_covered(node, holes)
        if children[0].type == "[" and re.search(r"[<>|&;()\n]", rest):
            raise DisagreementError("it may redirect where it seems to compare")
        if children[0].type == "[[":
            check_test(self._source.text, self._source.begin(node), self._source.end(node), holes)
        if node.type == "test_command":
            first = children[0].type
            words: tuple[Word, ...] = (Word(first, first), Word(self._source.raw(node)[len(first) :].strip(), ""))
        else:
            words = tuple(read_word(self._source.text, *span) for span in spans)
        self.commands[slot] = Command(words=words, inside=self._since(slot + 1), evaluates=True)

    def _arithmetic(self, node: Node, depth: int) -> None:
        slot = len(self.commands)
        self.commands.append(Command(words=()))
        self._expansions.check_arithmetic(node, self._expansions.holes(node, depth))
        self.commands[slot] = Command(
            words=(Word("((", "(("), Word(self._source.raw(node)[2:], "")),
            inside=self._since(slot + 1),
            evaluates=True,
        )

    def _since(self, first: int) -> Span:
        return (first, len(self.commands)) if first < len(self.commands) else (0, 0)

    def _assignment(self, node: Node, depth: int) -> Assignment:
        self._source.children(node, JOINED)
        name, value = field(node, "name"), node.child_by_field_name("value")
        if name.type == "subscript":
            self._source.check_covered(name, self._expansions.holes(name, depth))
        raw_name = self._source.raw(name)
        if not _NAME.fullmatch(raw_name):
            raise DisagreementError  # bash runs `2x=` and `é=` as programs
        if value is None:
            return Assignment(raw_name, Word("", ""))
        if value.type == "array":
            self._source.check_covered(value, self._expansions.holes(value, depth))
            return Assignment(raw_name, Word(self._source.raw(value), "\0", ("",)))
        return Assignment(raw_name, self._expansions.word(value, depth))

    # --- redirections

    def _redirections(self, nodes: list[Node], depth: int, body: Span) -> tuple[list[Word], list[Redirection]]:
        """Redirections, and the words of the command that stand behind them. `body` is what they belong to."""
        words: list[Word] = []
        found: list[Redirection] = []
        for node in nodes:
            if node.type == "heredoc_redirect":
                found += self._here_document(node, depth, body)
                continue
            targets, behind = self._redirection(node, depth)
            found += targets
            words += behind
        return words, found

    def _redirection(self, node: Node, depth: int) -> tuple[list[Redirection], list[Word]]:
        children = self._source.children(node, BLANK)
        descriptors = [child for child in children if child.type == "file_descriptor"]
        if any(not self._source.raw(child).isdigit() for child in descriptors):
            raise DisagreementError
        operator = children[len(descriptors)].type
        words = self._expansions.words(children[len(descriptors) + 1 :], depth)
        if operator in {"<&-", ">&-"}:
            return [], words
        if not words or any(word.raw.startswith("{") for word in words):
            raise DisagreementError
        if node.type == "herestring_redirect":
            return [Redirection("<<<", words[0])], words[1:]
        return _target(operator, words[0]), words[1:]

    def _here_document(self, node: Node, depth: int, body: Span) -> list[Redirection]:
        """The document, and the rest of the line it begins on, which the parser hangs below it."""
        document, rest = here_document(node, self._source)
        holes = (
            [] if document.quoted else [hole for part in document.nodes for hole in self._expansions.holes(part, depth)]
        )
        if not document.quoted:
            rest_text = self._source.without(document.begin, document.end, holes)
            if re.search(r"(?<!\\)(?:`|\$[({\[])", rest_text):
                raise DisagreementError("its here-document is unusual")
        value = document.value(self._source.text, holes)
        found = [Redirection(document.operator, Word("", value, tuple(name for *_, name in holes)))]
        redirects = [child for child in rest if child.type in _REDIRECTS]
        words, more = self._redirections(redirects, depth, body)
        if words:
            raise DisagreementError
        for child in rest:
            if child.type == "pipeline":
                self._pipeline(child, depth, body)
            elif child.is_named and child.type not in _REDIRECTS:
                self.visit(child, depth + 1)
        return found + more

    def _keep_apart(self, node: Node, redirects: list[Node]) -> None:
        """`a2>b` has no descriptor, `{f}>b` no word, and `>a$b` one target."""
        for one, other in itertools.pairwise([*node.children, *redirects]):
            if not self._source.touch(one, other):
                continue
            behind = one.type in _REDIRECTS and other.type not in _REDIRECTS
            descriptor = other.type in _REDIRECTS and other.children[0].type == "file_descriptor"
            brace = self._source.raw(one).endswith("}") and other.type in _REDIRECTS
            if behind or descriptor or brace or one.type == "variable_assignment":
                raise DisagreementError


_NEEDS_BLANK = frozenset({"{", "!"})
_REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})


def _target(operator: str, target: Word) -> list[Redirection]:
    if operator in {">&", "<&"} and _COPY.fullmatch(target.raw):
        return []
    if operator in {">&", "<&"} and target.raw.startswith("-"):
        raise DisagreementError  # `>& --x` closes the output and runs `-x`
    if operator not in {">", ">>", ">|", "&>", "&>>", ">&", "<"}:
        raise DisagreementError(f"its redirection {operator} is unusual")
    if len(target.names) == 1 and target.names[0] in {"<(", ">("} and target.value == "\0":
        return []  # a pipe to a command, which is judged by itself
    return [Redirection(operator, target)]


def _check_first(words: list[Word]) -> None:
    """A word of the grammar, or an assignment, where a command begins was not understood as one."""
    if words and _ASSIGNS.match(words[0].raw):
        raise DisagreementError
    if not words or words[0].raw not in RESERVED or words[0].raw == "in":
        return
    second = words[1].raw if len(words) > 1 else ""
    if words[0].raw != "time" or second in RESERVED:
        raise DisagreementError
