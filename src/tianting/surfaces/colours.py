"""Colour where it helps and nowhere else: on a terminal, unless the person said no."""

from collections.abc import Mapping
from typing import Literal

Ink = Literal["plain", "dim", "red", "green", "yellow", "cyan"]

_CODES = {"dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}  # ECMA-48, select graphic rendition


def colours_wanted(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to colour. NO_COLOR counts when it is not empty (no-color.org)."""
    return is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def inked(text: str, ink: Ink) -> str:
    """`text`, which is safe for a terminal already, in colour."""
    return text if ink == "plain" else f"\x1b[{_CODES[ink]}m{text}\x1b[0m"
