"""From the options of a command line to one `Invocation`: other spellings, texts in files, levels by name.

options -> what has no effect is named -> spellings -> texts -> Invocation
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tianting.cli.client_options import REFUSED, WITHOUT_EFFECT
from tianting.cli.invocation import Invocation
from tianting.cli.program import complain
from tianting.plumbing.well_formed import well_formed
from tianting.protocol.errors import ConfigError
from tianting.settings.levels import Level

_LEVELS: tuple[Level, ...] = ("user", "project", "local")
"""Those that can be left out. An administrator's, and those of the command line, always count."""
_WORDS = ("prompt", "name", "system_prompt", "append_system_prompt")
"""Arguments that are read. Paths keep bytes that are no UTF-8, words must not."""
_LONGEST_PROMPT = 1 << 20
"""Bytes of a system prompt in a file."""

Options = Mapping[str, Any]


def asked(options: Options) -> Invocation:
    """What `options`, by the names of their parameters, ask for. Raises `ConfigError`."""
    _name_what_does_nothing(options)
    mode = _permission_mode(options["permission_mode"])
    texts = {name: _text(options, name) for name in ("system_prompt", "append_system_prompt")}
    words = {name: well_formed(text) for name in _WORDS if (text := {**options, **texts}[name]) is not None}
    given = {
        **options,
        **words,
        "permission_mode": mode,
        "left_out": _left_out(options["setting_sources"]),
        "print": options["print"] or options["input_format"] == "stream-json",
    }
    return msgspec.convert({name: given[name] for name in Invocation.__struct_fields__}, Invocation)


def _name_what_does_nothing(options: Options) -> None:
    for name, complaint in REFUSED.items():
        if options[name] is not None:
            raise ConfigError(complaint)
    nothing = [flag for name, flag in WITHOUT_EFFECT.items() if options[name] not in (None, False, ())]
    if nothing and (options["verbose"] or options["debug"]):
        complain(f"{', '.join(nothing)}: taken, and without effect yet.")


def _permission_mode(wanted: str | None) -> str | None:
    match wanted:
        case "manual":
            return "default"
        case "auto":
            complain("--permission-mode auto: nobody judges calls by themselves here yet; this is default.")
            return "default"
        case _:
            return wanted


def _text(options: Options, name: str) -> str | None:
    """The text of `--name`, or of the file that `--name-file` names."""
    text: str | None = options[name]
    path: Path | None = options[f"{name}_file"]
    if path is None:
        return text
    flag = f"--{name.replace('_', '-')}"
    if text:
        raise ConfigError(f"{flag} and {flag}-file exclude each other: which one is meant?")
    return _content(path.expanduser(), f"{flag}-file")


def _content(path: Path, flag: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_PROMPT + 1)
    except OSError as error:
        raise ConfigError(f"{flag}: {path} cannot be read: {error.strerror}.") from None
    if len(data) > _LONGEST_PROMPT:
        raise ConfigError(f"{flag}: {path} is longer than {_LONGEST_PROMPT >> 20} MiB.")
    return data.decode("utf-8-sig", errors="replace")


def _left_out(sources: str | None) -> frozenset[Level]:
    """What `sources`, names parted by commas, do not name."""
    if sources is None:
        return frozenset()
    named = {name.strip() for name in sources.split(",") if name.strip()}
    if unknown := named.difference(_LEVELS):
        raise ConfigError(f"--setting-sources: there is no {', '.join(sorted(unknown))}. Name {', '.join(_LEVELS)}.")
    return frozenset(_LEVELS) - named
