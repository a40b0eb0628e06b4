"""From the files there are to the settings in force, with every source still known.

read -> check -> take apart -> admit (what may a project say?) -> put together -> Settings
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from tianting.plumbing.printable import printable
from tianting.settings.admission import standing
from tianting.settings.levels import Places, Source, read_sources
from tianting.settings.offer import summary
from tianting.settings.schema import Settings
from tianting.settings.statements import Statement, canonical, put_together, take_apart
from tianting.settings.trust import read_trust, trust_root
from tianting.settings.validation import check


class Loaded(Struct, frozen=True, kw_only=True):
    """Settings, and how they came to be."""

    settings: Settings
    sources: tuple[Source, ...] = ()
    """All that was read, highest first."""
    statements: tuple[Statement, ...] = ()
    """All that count, highest first. Of two about one key the first is in force; those with an index are joined."""
    waiting: tuple[Statement, ...] = ()
    """What would count if the person trusted it."""
    refused: tuple[Statement, ...] = ()
    """What cannot count where it stands."""
    warnings: tuple[str, ...] = ()
    """Lines for the person, each with its file."""

    def about(self, *key: str) -> tuple[Statement, ...]:
        """The statements that count whose key begins with `key`: `about("permissions", "deny")`, `about("hooks")`."""
        return tuple(statement for statement in self.statements if statement.key[: len(key)] == key)


_NO_BYPASS = ("permissions", "disableBypassPermissionsMode")
Fate = Literal["counts", "waits", "refused"]


def load_settings(places: Places, from_command_line: str | None = None) -> Loaded:
    """Read all levels. `from_command_line` is JSON or the path of a file.

    Raises `ConfigError` naming file, line and column of what is wrong. A file that is wrong is refused whole, and
    nothing starts: half of its rules in force would be worse than none.
    """
    sources = read_sources(places, from_command_line)
    warnings: list[str] = []
    said: list[Statement] = []
    for source in sources:
        checked = check(source)
        warnings += checked.warnings
        said += take_apart(source, checked.values)
    fates = tuple(_fates(said, places))
    in_force = tuple(_as_managed([statement for statement, fate in fates if fate == "counts"]))
    waiting = tuple(statement for statement, fate in fates if fate == "waits")
    refused = tuple(statement for statement, fate in fates if fate == "refused")
    return Loaded(
        settings=msgspec.convert(put_together(in_force), Settings),
        sources=sources,
        statements=in_force,
        waiting=waiting,
        refused=refused,
        warnings=tuple(map(printable, (*warnings, *_refusals(refused, places.home), *_untrusted(waiting, places)))),
    )


def _fates(said: Iterable[Statement], places: Places) -> Iterator[tuple[Statement, Fate]]:
    trusted: dict[Path, frozenset[str]] = {}  # read when first needed: most files hold nothing that needs it
    for statement in said:
        match standing(statement):
            case "counts":
                yield statement, "counts"
            case "never":
                yield statement, "refused"
            case "needs trust":
                root = trust_root(places, statement.source)
                if root not in trusted:
                    trusted[root] = read_trust(places.home).trusted_in(root)
                yield statement, "counts" if canonical(statement) in trusted[root] else "waits"


def _as_managed(statements: list[Statement]) -> Iterator[Statement]:
    """Leave out what an administrator leaves to nobody else, and the mode that any level has disabled."""
    managed = put_together(statement for statement in statements if statement.source.level == "managed")
    hooks_alone = managed.get("allowManagedHooksOnly") is True
    rules_alone = managed.get("allowManagedPermissionRulesOnly") is True
    no_bypass = any(statement.key == _NO_BYPASS and statement.value == "disable" for statement in statements)
    for statement in statements:
        ours = statement.source.level == "managed"
        match statement.key:
            case ("hooks", *_) if hooks_alone and not ours:
                continue
            case ("permissions", "allow") if rules_alone and not ours:
                continue
            case ("permissions", "defaultMode") if no_bypass and statement.value == "bypassPermissions":
                continue
            case ("permissions", "disableBypassPermissionsMode") if statement.value is None:
                continue  # whoever disabled it is not overruled
        yield statement


def _refusals(refused: Iterable[Statement], home: Path) -> Iterator[str]:
    """A line for each thing that a project tries to set and cannot. What another agent's user file says is no news."""
    for statement in refused:
        if statement.source.level != "user":
            yield f"{statement.place}: a project cannot set {'.'.join(statement.key)}; {home}/settings.json can."


def _untrusted(waiting: Iterable[Statement], places: Places) -> Iterator[str]:
    mine = [statement for statement in waiting if statement.source.level != "user"]
    if mine:
        files = " and ".join(dict.fromkeys(statement.source.name for statement in mine))
        yield (
            f"{files}: {summary(mine)} will not count until you trust this project: "
            f"`tianting trust` shows them ({places.main_checkout})."
        )
