"""Keys as people write them: `permissions.allow`, `models."gpt-6.2".maxOutput`."""

import re

import msgspec

from tianting.protocol.errors import ConfigError

_PART = re.compile(r'"((?:[^"\\]|\\.)+)"|([^."\s]+)')


def split_key(text: str) -> tuple[str, ...]:
    """Take a dotted key apart. A part that holds a dot stands in double quotes. Raises `ConfigError`."""
    parts: list[str] = []
    position = 0
    while match := _PART.match(text, position):
        parts.append(_unquoted(match[0]) if match[1] else match[2])
        position = match.end()
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            break
        position += 1
    raise ConfigError(
        f'The key {text!r} is not understood. Write it like permissions.allow or models."gpt-6.2".images.'
    )


def join_key(key: tuple[str, ...]) -> str:
    """The reverse of `split_key`."""
    return ".".join(part if (match := _PART.fullmatch(part)) and match[2] else _quoted(part) for part in key)


def _unquoted(part: str) -> str:
    try:
        return msgspec.json.decode(part, type=str)
    except msgspec.DecodeError:
        return part[1:-1]


def _quoted(part: str) -> str:
    return msgspec.json.encode(part).decode()
