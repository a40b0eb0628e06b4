"""Reads who is measured, and fills in their command lines."""

import shutil
import sys
import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct


class ShellTool(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an agent's shell tool is called."""

    tool: str
    argument: str


class Contestant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One program to measure."""

    command: list[str]
    version: list[str] | None = None
    env: dict[str, str] = {}
    stream: list[str] | None = None
    """What follows the prompt-less program where it is driven by stream-json; None: it cannot be."""
    shell: ShellTool | None = None
    """None: it cannot call tools and takes part only in the start."""

    def filled(self, words: list[str], base_url: str, prompt: str = "") -> list[str]:
        """A command line with its places filled in."""
        places = {"{python}": sys.executable, "{base_url}": base_url, "{prompt}": prompt}
        program, *arguments = (_replace(word, places) for word in words)
        found = shutil.which(program)
        return [str(Path(found).absolute()) if found else program, *arguments]

    def environment(self, base_url: str) -> dict[str, str]:
        """Its variables, with their places filled in."""
        return {name: _replace(value, {"{base_url}": base_url}) for name, value in self.env.items()}


def read_contestants(path: Path) -> dict[str, Contestant]:
    """The agents of a TOML file that are installed here."""
    named = {name: msgspec.convert(table, Contestant) for name, table in tomllib.loads(path.read_text()).items()}
    return {name: one for name, one in named.items() if _installed(one)}


def _installed(contestant: Contestant) -> bool:
    program = contestant.command[0]
    return program == "{python}" or shutil.which(program) is not None


def _replace(text: str, places: dict[str, str]) -> str:
    for place, value in places.items():
        text = text.replace(place, value)
    return text
