"""Changes one thing in a settings file and leaves the rest as it was: `config set`, and rules that a person grants.

    take turns -> read -> check -> change -> check again -> write in one step

What JSON cannot hold apart is lost: the file comes out with two blanks of indentation, its keys in their old order.
"""

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from tianting.plumbing.atomic_file import write_atomically
from tianting.plumbing.json_lines import make_private_directory
from tianting.protocol.errors import ConfigError
from tianting.settings.dotted_keys import join_key
from tianting.settings.levels import Level, Places, Source, read_text
from tianting.settings.statements import take_apart
from tianting.settings.trust import trust
from tianting.settings.turn_taking import turn_in
from tianting.settings.validation import check, decode

OwnLevel = Literal["local", "project", "user"]

_EXCLUDED = "/.tianting/settings.local.json"


def set_value(places: Places, level: OwnLevel, key: tuple[str, ...], value: Any) -> Path:
    """Let our file of `level` say `value` at `key`. Gives back its path.

    Raises `ConfigError` when the schema does not allow it, and then nothing is changed.
    """
    return _change(places, level, lambda values: _with(values, key, value))


def unset_value(places: Places, level: OwnLevel, key: tuple[str, ...]) -> Path:
    """Let our file of `level` say nothing at `key`. Raises `ConfigError` when it said nothing."""
    return _change(places, level, lambda values: _without(values, key, key))


def add_items(places: Places, level: OwnLevel, key: tuple[str, ...], items: Sequence[str]) -> Path:
    """Add those of `items` that are not there to the list at `key` of our file of `level`. Gives back its path.

    Raises `ConfigError`, and then nothing is changed.
    """
    return _change(places, level, lambda values: _with_items(values, key, items))


def remove_items(places: Places, level: OwnLevel, key: tuple[str, ...], items: Collection[str]) -> Path:
    """Take `items` out of the list at `key` of our file of `level`. Gives back its path. Raises `ConfigError`."""
    return _change(places, level, lambda values: _without_items(values, key, items))


def save_grant(places: Places, rules: tuple[str, ...], now: float) -> Path:
    """Remember that a person allowed `rules` for this repository, in all its worktrees. Gives back the file's path.

    They count from now on; nothing else that the project brought along begins to. `now` is in seconds since 1970.
    Raises `ConfigError`.
    """
    path = add_items(places, "local", ("permissions", "allow"), rules)
    trust_written(places, ("permissions", "allow"), list(rules), now)
    return path


def trust_written(places: Places, key: tuple[str, ...], value: Any, now: float) -> None:
    """Let what was just written at `key` of a file of the project count: it did not come along with the project.

    `now` is in seconds since 1970. Raises `ConfigError`.
    """
    source = Source(level="local", name=str(places.own_file("local")), text="{}")
    try:
        trust(places.home, places.main_checkout, take_apart(source, _with({}, key, value)), now)
    except OSError as error:
        raise ConfigError(f"What was written cannot be trusted: {error.strerror} in {places.home}.") from None


def parse_value(text: str, key: tuple[str, ...]) -> Any:
    """What a person typed as the value of `key`: JSON where that fits, else the text itself."""
    try:
        value = msgspec.json.decode(text)
        check(Source(level="user", name="", text=msgspec.json.encode(_with({}, key, value)).decode()))
    except (msgspec.DecodeError, ConfigError):
        return text
    return value


def _change(places: Places, level: OwnLevel, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    path = places.own_file(level)
    _stay_inside(places, level, path)
    try:
        _make_directory(places, level, path.parent)
        with turn_in(path.parent):
            values = _read(path, level)
            changed = change(values)
            if changed != values:
                _write(path, level, changed)
    except OSError as error:
        raise ConfigError(f"Settings in {path} cannot be changed: {error.strerror}.") from None
    return path


def _stay_inside(places: Places, level: OwnLevel, path: Path) -> None:
    """A link that came with a project must not make us write somewhere else."""
    top = {"local": places.main_checkout, "project": places.project}.get(level)
    if top is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(top)):
        raise ConfigError(f"Settings in {path} are not changed: a link leads out of the project.")


def _make_directory(places: Places, level: OwnLevel, directory: Path) -> None:
    if level == "user":
        make_private_directory(directory)
        return
    directory.mkdir(exist_ok=True)
    if level == "local":
        _exclude_from_git(places.main_checkout / ".git")


def _exclude_from_git(git: Path) -> None:
    """Keep local settings out of commits, for this clone alone: neither a file of the team's nor a person's own
    configuration of git is touched."""
    exclude = git / "info" / "exclude"
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        lines = exclude.read_text(encoding="utf-8", errors="surrogateescape") if exclude.exists() else ""
        if git.is_dir() and _EXCLUDED not in lines.splitlines():
            exclude.parent.mkdir(exist_ok=True)
            separator = "" if not lines or lines.endswith("\n") else "\n"
            text = f"{lines}{separator}{_EXCLUDED}\n"
            write_atomically(exclude, text.encode("utf-8", "surrogateescape"))


def _read(path: Path, level: Level) -> dict[str, Any]:
    text = read_text(path)
    if text is None:
        return {}
    source = Source(level=level, name=str(path), text=text)
    check(source)
    return decode(source)


def _write(path: Path, level: Level, values: dict[str, Any]) -> None:
    text = msgspec.json.format(msgspec.json.encode(values), indent=2).decode() + "\n"
    check(Source(level=level, name=str(path), text=text))
    write_atomically(path, text.encode(), mode=0o600 if level == "user" else 0o666)


def _with(values: Any, key: tuple[str, ...], value: Any) -> dict[str, Any]:
    """`values` with `value` at `key`; what stood in the way and is no object gives way."""
    members = values if isinstance(values, dict) else {}
    first, *rest = key
    return {**members, first: _with(members.get(first), tuple(rest), value) if rest else value}


def _without(values: Any, key: tuple[str, ...], whole: tuple[str, ...]) -> dict[str, Any]:
    first, *rest = key
    if not isinstance(values, dict) or first not in values:
        raise ConfigError(f"{join_key(whole)} is not set there.")
    if rest:
        return {**values, first: _without(values[first], tuple(rest), whole)}
    return {name: value for name, value in values.items() if name != first}


def _with_items(values: dict[str, Any], key: tuple[str, ...], items: Iterable[str]) -> dict[str, Any]:
    before = _list_at(values, key)
    new = [item for item in dict.fromkeys(items) if item not in before]
    return _with(values, key, [*before, *new]) if new else values


def _without_items(values: dict[str, Any], key: tuple[str, ...], items: Collection[str]) -> dict[str, Any]:
    before = _list_at(values, key)
    kept = [item for item in before if item not in items]
    return _with(values, key, kept) if kept != before else values


def _list_at(values: dict[str, Any], key: tuple[str, ...]) -> list[Any]:
    found: Any = values
    for name in key:
        found = found.get(name, {})
    return found or []
