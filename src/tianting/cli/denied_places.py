"""Deny rules about files as places of the sandbox: else `python3 -c 'open("secrets/key")'` would not know of them.

A rule that names one path becomes that path. A pattern becomes what it names now, below the directories of the session
or below the part of it that holds no wildcard. Hard links of these files, below those directories, go the same way.
What remains, a rule of a whole tool or a pattern for the whole machine, the judge holds against what a command's text
names, as it does without a sandbox.
"""

import logging
import os
import re
from collections.abc import Callable, Iterable
from itertools import islice, takewhile

from msgspec import Struct

from tianting.permissions.gitignore import ignore_pattern
from tianting.permissions.rule_text import PathPattern, Rule
from tianting.permissions.ruleset import Ruleset
from tianting.sandbox import linked_files
from tianting.sandbox.places import Forbidden
from tianting.sandbox.tree_search import MAX_ENTRIES, MAX_TIME, Search, TreeSearch

log = logging.getLogger(__name__)

MAX_PLACES = 500
"""Of each kind: each becomes a mount, or several."""
MAX_HELD = 2_000
"""Files in these places of which hard links are looked for: at most some 20 ms, before each command."""
_WILD = re.compile(r"[*?\[\\]")
_NOTHING = "(?!)"
_UNNAMED = re.compile(_NOTHING)


class Plan(Struct, frozen=True):
    """Rules of one kind, sorted by what finds their places."""

    paths: tuple[str, ...] = ()
    searches: tuple[Search, ...] = ()
    unexpressed: tuple[str, ...] = ()
    """The texts of rules, or of the part of them, that only the judge can hold."""


class DeniedPlaces:
    """What the rules of a session deny, as it stands in the file system at this moment."""

    def __init__(self, rules: Callable[[], Ruleset], roots: tuple[str, ...]) -> None:
        self._rules = rules
        self._roots = roots
        self._planned: Ruleset | None = None
        self._hidden = self._read_only = FoundPlaces(Plan())
        self._links_of_hidden, self._links_of_read_only = _HardLinks(roots), _HardLinks(roots)

    def forbidden(self) -> Forbidden:
        """Asked before each command: rules and files may have changed."""
        ruleset = self._rules()
        if ruleset is not self._planned:
            self._planned = ruleset
            self._hidden = self._places(_of(ruleset.deny.reads, "Read"), ruleset)
            self._read_only = self._places(_of(ruleset.deny.edits, "Edit", "Write"), ruleset)
        hidden, read_only = self._real(self._hidden), self._real(self._read_only)
        return Forbidden(
            hidden=(*hidden, *self._links_of_hidden.of(hidden)),
            read_only=(*read_only, *self._links_of_read_only.of(read_only)),
        )

    def _places(self, rules: "list[tuple[str, PathPattern]]", ruleset: Ruleset) -> "FoundPlaces":
        return FoundPlaces(planned(rules, self._roots, folds_case=ruleset.places.folds_case))

    def _real(self, places: "FoundPlaces") -> tuple[str, ...]:
        """Where links lead. Never a directory that the session works in: no command could start there."""
        found = dict.fromkeys(os.path.realpath(path) for path in islice(places.now(), MAX_PLACES))
        return tuple(path for path in found if not any(_holds(path, root) for root in self._roots))


class FoundPlaces:
    """The places of a plan; directories that were read are remembered."""

    def __init__(self, plan: Plan) -> None:
        self._paths = plan.paths
        self._searches = tuple(map(TreeSearch, plan.searches))
        for text in plan.unexpressed:
            log.debug("the sandbox cannot hold all of the rule %s; it is held against the text of commands", text)

    def now(self, *, max_entries: int = MAX_ENTRIES, max_time: float = MAX_TIME) -> Iterable[str]:
        """Those of this moment. The limits hold for each directory that is searched."""
        yield from self._paths
        for search in self._searches:
            yield from _paths(search, max_entries, max_time)

    @property
    def complete(self) -> bool:
        """Whether the last search came to everything."""
        return not any(search.left_out for search in self._searches)


class _HardLinks:
    """The names below some directories of files that are forbidden by another one."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots = roots
        self._files: frozenset[linked_files.Identity] = frozenset()
        self._places: tuple[str, ...] = ()
        self._searches: tuple[TreeSearch, ...] = ()

    def of(self, places: tuple[str, ...]) -> tuple[str, ...]:
        """The names of what is at or in `places`, but those in them. Nothing is searched where no file has several."""
        linked = linked_files.linked_files(places, max_entries=MAX_HELD, max_time=MAX_TIME)
        # Of too many files each look finds others: what is remembered of the directories must outlast that.
        files = frozenset(linked.names) | (frozenset() if linked.complete else self._files)
        if (files, places) != (self._files, self._places):
            self._files, self._places = files, places
            self._searches = tuple(map(TreeSearch, self._planned())) if files else ()
        return tuple(islice((path for path in self._names() if not _is_in(path, places)), MAX_PLACES))

    def _planned(self) -> Iterable[Search]:
        places = re.compile("|".join(map(re.escape, self._places)))
        return [Search(root, _UNNAMED, places, files=self._files) for root in self._roots]

    def _names(self) -> Iterable[str]:
        for search in self._searches:
            yield from _paths(search, linked_files.MAX_ENTRIES, linked_files.MAX_TIME)


def _paths(search: TreeSearch, max_entries: int, max_time: float) -> Iterable[str]:
    yield from search.paths(max_entries=max_entries, max_time=max_time)
    if search.left_out:
        log.debug("too many files for the deny rules: from %s on nothing was looked for", search.left_out)


def planned(rules: Iterable[tuple[str, PathPattern]], roots: tuple[str, ...], *, folds_case: bool = False) -> Plan:
    """How to find the places of `rules`, each with its text."""
    paths: list[str] = []
    unexpressed: list[str] = []
    wanted: dict[tuple[str, int | None], _Names] = {}
    for text, pattern in rules:
        # A directory that everything in is denied is denied itself.
        parts = _without_rest(pattern.pattern.parts)
        stem = tuple(takewhile(_is_plain, parts))
        top = "/".join((pattern.base.rstrip("/"), *stem)) or "/"
        if stem == parts:
            paths.append(top)
            continue
        tops, whole = _tops(top, parts[len(stem) :], roots)
        if not whole:
            unexpressed.append(text)
        only_directories = pattern.pattern.directories_only or parts != pattern.pattern.parts
        for place in tops:
            wanted.setdefault(place, _Names()).add(_expression(pattern.base, parts), only_directories)
    searches = tuple(names.search(*place, folds_case=folds_case) for place, names in wanted.items())
    return Plan(tuple(paths), searches, tuple(unexpressed))


class _Names:
    """What to find below one directory."""

    def __init__(self) -> None:
        self._all: list[str] = []
        self._directories: list[str] = []

    def add(self, expression: str, only_directories: bool) -> None:
        (self._directories if only_directories else self._all).append(expression)

    def search(self, top: str, depth: int | None, *, folds_case: bool) -> Search:
        flags = re.IGNORECASE if folds_case else re.NOFLAG
        named, directories = ("|".join(some) or _NOTHING for some in (self._all, self._directories))
        return Search(top, re.compile(named, flags), re.compile(directories, flags), depth)


def _of(rules: Iterable[Rule], *tools: str) -> list[tuple[str, PathPattern]]:
    return [(rule.text, rule.path) for rule in rules if rule.path is not None and rule.tool in tools]


def _tops(top: str, rest: tuple[str, ...], roots: tuple[str, ...]) -> tuple[list[tuple[str, int | None]], bool]:
    """Where to search and how deep, and whether that is everything the pattern means."""
    deep = "**" in rest
    if not deep or any(_holds(root, top) for root in roots):
        return [(top, None if deep else len(rest))], True
    return [(root, None) for root in roots if _holds(top, root)], False


def _expression(base: str, parts: tuple[str, ...]) -> str:
    """For absolute paths."""
    named = ignore_pattern("/".join(parts), anchored=True).named.pattern
    return f"{re.escape(base.rstrip('/'))}/{named}"


def _without_rest(parts: tuple[str, ...]) -> tuple[str, ...]:
    while parts and parts[-1] == "**":
        parts = parts[:-1]
    return parts


def _is_plain(part: str) -> bool:
    return _WILD.search(part) is None


def _is_in(path: str, places: tuple[str, ...]) -> bool:
    return any(_holds(place, path) for place in places)


def _holds(directory: str, path: str) -> bool:
    """Whether `path` is `directory` or lies in it."""
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")
