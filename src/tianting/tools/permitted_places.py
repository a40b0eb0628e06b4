"""Holds a tool to the places its call was permitted: without this, a link laid anew between the permission and the
opening of a file would lead the tool to any other.

A path is only a question. What was opened is asked of the kernel, and has to be one of the places that were judged.
The places stand in a context variable: they hold for all that a call does, in its threads too, and neither a tool nor
what is wrapped around one can forget to pass them on.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from tianting.plumbing.descriptor_path import path_of
from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access
from tianting.tools.contract import ToolFailed

_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Never waits for the other end of a pipe, never takes a terminal."""
LISTING = _READING | os.O_DIRECTORY
"""Opens nothing but a directory."""
_places: ContextVar[frozenset[str] | None] = ContextVar("permitted places", default=None)


@contextmanager
def only_places_of(accesses: Iterable[Access]) -> Iterator[None]:
    """Inside, files can be opened only where `accesses` lead. Outside of any such block nobody has judged."""
    targets = (access.target for access in accesses if access.effect in {"read", "edit"})
    token = _places.set(frozenset(_folded(target) for target in targets))
    try:
        yield
    finally:
        _places.reset(token)


@contextmanager
def opened(path: Path, flags: int = _READING) -> Iterator[int]:
    """The descriptor of `path`, wherever links lead, if that was permitted; closed at the end.

    Raises `OSError`, and `ToolFailed` for another place.
    """
    descriptor = os.open(path, flags)
    try:
        require_permitted(path_of(descriptor), path)
        yield descriptor
    finally:
        os.close(descriptor)


def require_permitted(place: str, path: Path) -> None:
    """Refuse, with `ToolFailed`, what `path` came to lead to. `place` has no links: it is what the kernel says."""
    places = _places.get()
    if places is not None and _folded(place) not in places:
        raise ToolFailed(
            f"{printable(str(path), 200)} leads to another place than was permitted: a link was changed meanwhile. "
            "Nothing was read or changed. Call again if it should."
        )


def _folded(place: str) -> str:
    """macOS answers with the letters a name was made with, not with those it was asked for."""
    return place.casefold() if sys.platform == "darwin" else place
