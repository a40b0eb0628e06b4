"""Where the tools work: the project's root, further allowed directories, and the shell's present directory."""

import os
from collections.abc import Callable
from pathlib import Path

from tianting.tools.contract import ToolFailed


class Workspace:
    """Turns paths of the model into absolute ones. One per session, shared by its tools."""

    def __init__(self, root: Path, additional: tuple[Path, ...] = ()) -> None:
        self.root = root.resolve()
        self.additional = tuple(path.resolve() for path in additional)
        self.shell_directory = self.root
        """Where the next Bash command starts. Only Bash moves it; paths of other tools do not depend on it."""
        self.may_read: Callable[[str], bool] = _anything
        """Whether a search may show lines of a file. Rules about single files cannot be asked before it has run."""

    def resolve(self, path: str) -> Path:
        """Make `path` absolute: `~` is the home, a relative path starts at the root. Symlinks are not followed.

        Raises `ToolFailed` for what no file can be called.
        """
        if "\0" in path:
            raise ToolFailed("A path cannot hold a NUL character. Send it again without.")
        try:
            os.fsencode(path)
        except UnicodeEncodeError as error:
            raise ToolFailed(f"The path holds half a character, at position {error.start}. Send it again.") from None
        # Unlike `Path.expanduser` this leaves the `~` of an unknown user alone.
        return Path(os.path.normpath(self.root / os.path.expanduser(path)))  # noqa: PTH111

    def shown(self, path: Path) -> str:
        """The short way to say `path`: relative to the root where it lies inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    def contains(self, path: Path) -> bool:
        """Whether the real place of `path`, links followed, is inside the root or an additional directory."""
        real = Path(os.path.realpath(path))  # `Path.resolve` raises for links that lead in a circle
        return any(real.is_relative_to(directory) for directory in (self.root, *self.additional))


def _anything(path: str) -> bool:
    return True
