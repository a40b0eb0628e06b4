"""Remembers what a person trusted: `<home>/trusted.json`, by the real path of the directory.

    {"version": 1, "directories": {"/home/me/shop": {"trustedAt": 1790000000.0, "statements": ["[[\"hooks\", …"]}}}

Each statement is kept as it was said. So a project that changes is neither trusted blindly nor distrusted whole:
what the person saw goes on to count, and what is new waits for them.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from tianting.plumbing.atomic_file import write_atomically
from tianting.plumbing.json_lines import make_private_directory
from tianting.protocol.errors import ConfigError
from tianting.settings.levels import Places, Source
from tianting.settings.statements import Statement, canonical
from tianting.settings.turn_taking import turn_in

FILE_NAME = "trusted.json"


class Trusted(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was trusted in one directory, and when."""

    trusted_at: float
    """Seconds since 1970."""
    statements: frozenset[str] = frozenset()
    """In the form of `canonical`."""


class TrustBook(Struct, frozen=True, kw_only=True):
    """The whole file."""

    version: int = 1
    directories: dict[str, Trusted] = {}
    """By real path."""

    def trusted_in(self, directory: Path) -> frozenset[str]:
        """What the person trusted in `directory`, in the form of `canonical`."""
        trusted = self.directories.get(os.path.realpath(directory))
        return frozenset() if trusted is None else trusted.statements


def read_trust(home: Path) -> TrustBook:
    """What has been trusted so far. Raises `ConfigError` for a file that cannot be understood."""
    path = home / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=TrustBook)
    except FileNotFoundError:
        return TrustBook()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigError(f"{path} is damaged: remove it, and trust your projects again.") from None


def trust(home: Path, directory: Path, statements: Iterable[Statement], now: float) -> None:
    """Remember that a person trusts `statements` in `directory`, besides what they trusted there before.

    `now` is in seconds since 1970. Raises `ConfigError` and `OSError`.
    """
    make_private_directory(home)
    with turn_in(home):
        book = read_trust(home)
        name = os.path.realpath(directory)
        before = book.directories.get(name, Trusted(trusted_at=now))
        said = before.statements | {canonical(statement) for statement in statements}
        _write(home, book, {**book.directories, name: Trusted(trusted_at=now, statements=said)})


def forget(home: Path, directory: Path) -> bool:
    """Trust nothing in `directory` any more. Gives back whether anything was. Raises `ConfigError` and `OSError`."""
    name = os.path.realpath(directory)
    if name not in read_trust(home).directories:
        return False
    with turn_in(home):
        book = read_trust(home)
        _write(home, book, {key: value for key, value in book.directories.items() if key != name})
    return True


def trust_root(places: Places, source: Source) -> Path:
    """The directory by which `source` is trusted: the repository's, for all its worktrees; or the other agent's."""
    if source.level == "user" and places.other_home is not None:
        return places.other_home
    return places.main_checkout


def _write(home: Path, book: TrustBook, directories: dict[str, Trusted]) -> None:
    data = msgspec.json.encode(structs.replace(book, directories=directories), order="deterministic")
    write_atomically(home / FILE_NAME, msgspec.json.format(data, indent=2) + b"\n", mode=0o600)
