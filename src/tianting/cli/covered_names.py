"""Finds the hard links that rules speak of: else `hard` would not be known for the `.env` that it is.

What is searched are the places that the sandbox hides (`denied_places`), for ask rules too. A name outside of them and
of the session's directories is not found.
"""

import time
from collections.abc import Callable

from tianting.cli.denied_places import FoundPlaces, planned
from tianting.permissions.rule_text import PathPattern
from tianting.sandbox.linked_files import MAX_ENTRIES, MAX_TIME, LinkedFiles, identity, linked_files

FRESH = 1.0
"""Seconds that a search is good for: one Grep asks about each file it came upon."""
_MAX_KEPT = 8
"""Sets of patterns: what reads is asked about others than what edits."""


class CoveredNames:
    """Remembers what it found for a moment, and the directories it read for longer."""

    def __init__(self, *, folds_case: bool, now: Callable[[], float] = time.monotonic) -> None:
        self._folds_case = folds_case
        self._now = now
        self._searches: dict[tuple[tuple[PathPattern, ...], tuple[str, ...]], _Search] = {}

    def of(self, patterns: tuple[PathPattern, ...], path: str, directories: tuple[str, ...]) -> tuple[str, ...] | None:
        """`permissions.questions.OtherNames`."""
        key = (patterns, directories)
        search = self._searches.pop(key, None) or self._search(*key)
        self._searches[key] = search
        found = search.result(self._now())
        try:
            names = found.names.get(identity(path), ())
        except OSError:  # it has just gone
            return ()
        return names or (() if found.complete else None)

    def _search(self, patterns: tuple[PathPattern, ...], directories: tuple[str, ...]) -> "_Search":
        if len(self._searches) >= _MAX_KEPT:
            del self._searches[next(iter(self._searches))]
        rules = [(pattern.text, pattern) for pattern in patterns]
        return _Search(FoundPlaces(planned(rules, directories, folds_case=self._folds_case)))


class _Search:
    def __init__(self, places: FoundPlaces) -> None:
        self._places = places
        self._found = LinkedFiles()
        self._good_until = float("-inf")

    def result(self, now: float) -> LinkedFiles:
        if now >= self._good_until:
            places = list(self._places.now(max_entries=MAX_ENTRIES, max_time=MAX_TIME))
            found = linked_files(places)
            self._found = LinkedFiles(found.names, found.complete and self._places.complete)
            self._good_until = now + FRESH
        return self._found
