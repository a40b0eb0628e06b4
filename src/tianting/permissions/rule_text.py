"""Reads one rule a person wrote: `Bash(npm run *)`, `Edit(/src/**)`, `WebFetch(domain:example.org)`, `mcp__github__*`.

What a rule cannot express is refused when it is read, so that no rule silently means less, or more, than it says.
"""

import posixpath
import re
import unicodedata
from typing import Literal

from msgspec import Struct, structs

from tianting.permissions.gitignore import IgnorePattern, ignore_pattern
from tianting.permissions.tool_classes import EDITING, NAMED, READING, present_name, speaks_for
from tianting.permissions.wildcards import Wildcard, wildcard
from tianting.protocol.errors import ConfigError

Behaviour = Literal["allow", "ask", "deny"]

_FORM = re.compile(r"([A-Za-z_*][\w*-]*)(?:\((.*)\))?", re.DOTALL)
_PARAMETER = re.compile(r"([A-Za-z_]\w*):(.*)", re.DOTALL)
_SERVER_TOOLS = re.compile(r"mcp__[^*]+?__[\w*-]*")
_BASH_PARAMETERS = frozenset({"command", "description", "timeout", "run_in_background", "dangerouslyDisableSandbox"})
_FILE_PARAMETERS = frozenset(
    {"file_path", "path", "notebook_path", "pattern", "glob", "offset", "limit", "pages", "type"}
)


class RuleLine(Struct, frozen=True, kw_only=True):
    """A rule as the settings hold it."""

    text: str
    behaviour: Behaviour
    source: str = ""
    """Where it stands, for people: a file, `--allowed-tools`, `this session`."""
    directory: str = ""
    """What `/pattern` starts at: the directory that the settings file belongs to. Empty means the project's root."""


class PathPattern(Struct, frozen=True):
    """Where a pattern starts, and what it covers from there."""

    base: str
    pattern: IgnorePattern
    text: str

    def covers(self, path: str) -> bool:
        """Whether an absolute, normal, folded path is meant, or lies in a directory that is."""
        if self.base == "/":
            return self.pattern.covers(path[1:])
        return path.startswith(f"{self.base}/") and self.pattern.covers(path[len(self.base) + 1 :])

    @property
    def reach(self) -> str:
        """An expression for what it covers, and perhaps for a little more; to be joined with those of other rules."""
        return f"{re.escape(self.base.rstrip('/'))}/{self.pattern.named.pattern}(?s:/.*)?"


class Rule(Struct, frozen=True, kw_only=True):
    """One rule, ready to match. At most one of the fields below `source` is set; none means every call."""

    text: str
    tool: str
    behaviour: Behaviour
    source: str = ""
    tool_pattern: Wildcard | None = None
    """For a rule whose tool holds a `*`."""
    command: Wildcard | None = None
    path: PathPattern | None = None
    domain: Wildcard | None = None
    name: Wildcard | None = None
    parameter: str = ""
    value: Wildcard | None = None

    @property
    def whole_tool(self) -> bool:
        """Whether it means every call of its tool."""
        return not (self.command or self.path or self.domain or self.name or self.value)

    def names(self, tool: str) -> bool:
        """Whether it speaks of `tool` at all."""
        if self.tool_pattern is not None:
            return self.tool_pattern.matches(tool)
        return speaks_for(self.tool, tool) or (self.behaviour != "allow" and _may_be_server(self.tool, tool))


class Places(Struct, frozen=True):
    """Where the patterns about files start."""

    root: str
    home: str
    folds_case: bool = False
    """The file system takes `.ENV` for `.env`, so rules do, too."""

    def folded(self, path: str) -> str:
        """One form for all spellings that a file system may take for the same file."""
        path = path if path.isascii() else unicodedata.normalize("NFC", path)
        return path.casefold() if self.folds_case else path


def read_rule(line: RuleLine, places: Places) -> Rule:
    """Take a rule apart. Raises `ConfigError` naming its text; the caller knows file and line."""
    text = line.text.strip()
    form = _FORM.fullmatch(text)
    if form is None:
        raise _not_understood(text, "Write Tool or Tool(specification), like Bash(git status) or Edit(/src/**).")
    tool, specification = present_name(form.group(1)), (form.group(2) or "").strip()
    rule = Rule(text=text, tool=tool, behaviour=line.behaviour, source=line.source)
    if "*" in tool:
        rule = _with_tool_pattern(rule, specification)
    if specification in {"", "*"}:
        if form.group(2) is not None and not specification:
            raise _not_understood(text, f"The parentheses are empty; write {tool} for every call.")
        return rule
    return _with_specification(rule, specification, line, places)


def _with_tool_pattern(rule: Rule, specification: str) -> Rule:
    if rule.behaviour == "allow" and not _SERVER_TOOLS.fullmatch(rule.tool):
        raise _not_understood(rule.text, "An allow rule may have a * only behind mcp__server__.")
    if specification not in {"", "*"} and not _PARAMETER.fullmatch(specification):
        raise _not_understood(rule.text, "A tool's name with a * takes no specification but a parameter:value.")
    return structs.replace(rule, tool_pattern=wildcard(rule.tool))


def _with_specification(rule: Rule, specification: str, line: RuleLine, places: Places) -> Rule:
    parameter = _PARAMETER.fullmatch(specification)
    if rule.tool == "Bash" and not (parameter and parameter[1] in _BASH_PARAMETERS and parameter[2] != "*"):
        return structs.replace(rule, command=wildcard(specification))
    if rule.tool == "WebFetch" and specification.startswith("domain:"):
        return _with_domain(rule, specification.removeprefix("domain:"))
    files = rule.tool in EDITING | READING
    if files and not (parameter and parameter[1] in _FILE_PARAMETERS):
        return structs.replace(rule, path=_path_pattern(rule, specification, line, places))
    if rule.tool in NAMED and not parameter:
        return structs.replace(rule, name=wildcard(specification))
    if parameter is None:
        raise _not_understood(rule.text, f"{rule.tool} takes no such specification; write {rule.tool} for every call.")
    if rule.behaviour == "allow":
        raise _not_understood(rule.text, "A parameter:value may stand in deny and ask rules only.")
    return structs.replace(rule, parameter=parameter[1], value=wildcard(parameter[2].strip()))


def _with_domain(rule: Rule, domain: str) -> Rule:
    domain = domain.strip().lower().rstrip(".")
    if not re.fullmatch(r"[\w*.:\[\]-]+", domain):
        raise _not_understood(rule.text, "Write a host's name without scheme and path, like domain:example.org.")
    return structs.replace(rule, domain=wildcard(domain))


def _path_pattern(rule: Rule, text: str, line: RuleLine, places: Places) -> PathPattern:
    if text.startswith("!"):
        raise _not_understood(rule.text, "A pattern cannot begin with !; put the exception into another list.")
    base, pattern = _base(text, line.directory or places.root, places)
    anchored = base is not None
    # A name alone means it at any depth; a single directory's content does so where that is the careful reading.
    single = re.fullmatch(r"[^/]+(/|/\*\*)", pattern)
    if single and not anchored:
        anchored = rule.behaviour == "allow"
        pattern = pattern if anchored else f"**/{pattern}"
    if base is None:
        anywhere = rule.behaviour != "allow" and (single or "/" not in pattern.rstrip("/"))
        base = "/" if anywhere else places.root
    pattern = pattern if pattern.strip("/") else "**"
    base, pattern = places.folded(base.rstrip("/") or "/"), places.folded(pattern)
    return PathPattern(base, ignore_pattern(pattern, anchored=anchored), text)


def _base(text: str, directory: str, places: Places) -> tuple[str | None, str]:
    """Where an anchored pattern starts, and the rest of it."""
    if text.startswith("//"):
        return "/", text.lstrip("/")
    if text == "~" or text.startswith("~/"):
        return places.home, text[2:]
    if text.startswith("/"):
        return directory, text[1:]
    if text.startswith(("./", "../")) or text in {".", ".."}:
        return _climb(text, places.root)
    return None, text


def _climb(text: str, base: str) -> tuple[str, str]:
    parts = text.split("/")
    while parts and parts[0] in {".", ".."}:
        base = posixpath.dirname(base) if parts.pop(0) == ".." else base
    return base, "/".join(parts)


def _may_be_server(name: str, tool: str) -> bool:
    """A server's own name may hold two underscores, too: what forbids must not hang on where it ends."""
    return name.startswith("mcp__") and tool.startswith(f"{name}__")


def _not_understood(text: str, advice: str) -> ConfigError:
    return ConfigError(f"The rule {text!r} is not understood. {advice}")
