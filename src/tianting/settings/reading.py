"""Reads settings: the user's file, then what the command line gives; the later one wins, lists add up.

Files inside a project are not read: a cloned repository must not choose where keys are sent.
"""

from pathlib import Path
from typing import Any

import msgspec

from tianting.protocol.errors import ConfigError
from tianting.settings.schema import Settings

FILE_NAME = "settings.json"


def read_settings(home: Path, from_command_line: str | None) -> Settings:
    """The settings in force. `from_command_line` is JSON or the path of a file.

    Raises `ConfigError` naming the source and the place of what is wrong.
    """
    merged: dict[str, Any] = {}
    for source, text in _texts(home, from_command_line):
        merged = _merged(merged, _checked(source, text))
    return msgspec.convert(merged, Settings)


def _texts(home: Path, from_command_line: str | None) -> list[tuple[str, bytes]]:
    texts = []
    user = home / FILE_NAME
    if user.exists():
        texts.append((str(user), _read(user)))
    if from_command_line is not None and from_command_line.strip().startswith("{"):
        texts.append(("--settings", from_command_line.encode(errors="surrogateescape")))
    elif from_command_line:
        texts.append((from_command_line, _read(Path(from_command_line).expanduser())))
    return texts


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"Settings in {path} cannot be read: {error.strerror}.") from None


def _checked(source: str, text: bytes) -> dict[str, Any]:
    try:
        values: dict[str, Any] = msgspec.json.decode(text, type=dict)
        msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"Settings in {source} are wrong: {error}.") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"Settings in {source} are no JSON: {error}.") from None
    return values


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`: objects are merged, lists joined, all else replaced."""
    result = dict(base)
    for key, value in over.items():
        former = result.get(key)
        if isinstance(former, dict) and isinstance(value, dict):
            result[key] = _merged(former, value)
        elif isinstance(former, list) and isinstance(value, list):
            result[key] = former + [item for item in value if item not in former]
        else:
            result[key] = value
    return result
