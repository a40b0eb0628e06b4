"""Which files a Grep looks into, beyond what `.gitignore` leaves out.

Search programs differ in what a glob means to them: to ripgrep it brings ignored files back, git knows no braces.
So they are given only file names, as a first sieve, and the decision falls here, the same for all.
"""

import re

from tianting.tools.searching.file_types import names_of_type
from tianting.tools.searching.glob_pattern import GlobPattern, expand_braces, refuse_long

_SEPARATOR = re.compile(r"[,\s]+(?![^{]*\})")
_PLAIN_NAME = re.compile(r"[\w.*?+@-]+")


class SearchScope:
    """The `glob` and `type` of one call."""

    def __init__(self, glob: str, type_name: str) -> None:
        """Compile. Raises `ToolFailed` for an unknown type, or braces that expand to too much."""
        refuse_long(glob)
        globs = [_anchored(part) for part in _SEPARATOR.split(glob.strip()) if part.strip("!")]
        self._wanted = [GlobPattern(part) for part in globs if not part.startswith("!")]
        self._unwanted = [GlobPattern(part.removeprefix("!")) for part in globs if part.startswith("!")]
        types = names_of_type(type_name) if type_name else ()
        self._types = [GlobPattern(name) for name in types]
        self.names: tuple[str, ...] = _last_names([part for part in globs if not part.startswith("!")]) or types
        """File names that let through at least every file in scope; empty for all."""

    def includes(self, *paths: str) -> bool:
        """Whether a file is in scope. `paths` are its names from several places; a glob may count from any."""
        name = paths[0].rpartition("/")[2]
        return (
            (not self._types or any(pattern.matches(name) for pattern in self._types))
            and (not self._wanted or any(pattern.matches(path) for pattern in self._wanted for path in paths))
            and not any(pattern.matches(path) for pattern in self._unwanted for path in paths)
        )


def _anchored(glob: str) -> str:
    """A glob without a slash holds at any depth, one with a slash from the top; `dir/` is all below it."""
    negation = "!" if glob.startswith("!") else ""
    body = glob.removeprefix("!").removeprefix("./")
    if body.endswith("/"):
        body += "**"
    elif "/" not in body:
        body = f"**/{body}"
    return negation + body


def _last_names(globs: list[str]) -> tuple[str, ...]:
    """The last segment of every glob; none at all when one of them would not narrow the search."""
    names = [alternative.rpartition("/")[2] for glob in globs for alternative in expand_braces(glob)]
    if all(_PLAIN_NAME.fullmatch(name) and name.strip("*") for name in names):
        return tuple(dict.fromkeys(names))
    return ()
