"""LS: lists one directory. Kept for models that were trained to call it; Glob is what they are offered."""

import os
from fnmatch import fnmatchcase
from pathlib import Path

from anyio import to_thread
from msgspec import Struct

from tianting.plumbing.byte_size import in_words
from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.path_accesses import path_accesses
from tianting.tools.permitted_places import LISTING, opened
from tianting.tools.reading.missing_path import missing_path
from tianting.tools.workspace import Workspace

MAX_ENTRIES = 500

_SPEC = ToolSpec(
    name="LS",
    description="List a directory: directories first, then files with their sizes; at most 500 entries.",
    input_schema={
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Default: root"},
            "ignore": {"type": "array", "items": {"type": "string"}, "description": "Names to leave out, as globs"},
        },
        "additionalProperties": False,
    },
)


class LSParameters(Struct, frozen=True, kw_only=True):
    """What to list."""

    path: str = ""
    ignore: tuple[str, ...] = ()


class LS:
    """The tool."""

    spec = _SPEC
    parameters = LSParameters

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def accesses(self, parameters: LSParameters) -> tuple[Access, ...]:
        """The directory, and the place a symlink to it leads to."""
        return path_accesses("read", self._workspace.resolve(parameters.path))

    async def run(self, parameters: LSParameters) -> ToolOutput:
        """List it. Raises `ToolFailed` for what is missing, no directory, or not ours to read."""
        path = self._workspace.resolve(parameters.path)
        lines, total = await to_thread.run_sync(self._lines, path, parameters.ignore, abandon_on_cancel=True)
        if total > len(lines):
            lines.append(f"[{len(lines)} of {total:,}; use Glob with a pattern for the others]")
        return ToolOutput(content="\n".join(lines) or "[empty directory]")

    def _lines(self, path: Path, ignored: tuple[str, ...]) -> tuple[list[str], int]:
        """The first lines, and how many there would be."""
        name = printable(self._workspace.shown(path), 200)
        try:
            with opened(path, LISTING) as directory:
                return _listed(directory, ignored)
        except FileNotFoundError as error:
            raise missing_path(self._workspace, path, "directory") from error
        except NotADirectoryError as error:
            raise ToolFailed(f"{name} is a file; use Read.") from error
        except OSError as error:
            reason = (error.strerror or "input error").lower()
            raise ToolFailed(f"Cannot list {name}: {reason}. Choose another directory.") from error


def _listed(directory: int, ignored: tuple[str, ...]) -> tuple[list[str], int]:
    with os.scandir(directory) as entries:
        kept = [entry for entry in entries if not any(fnmatchcase(entry.name, glob) for glob in ignored)]
    kept.sort(key=lambda entry: (not entry.is_dir(), entry.name))
    return [_line(entry, directory) for entry in kept[:MAX_ENTRIES]], len(kept)


def _line(entry: "os.DirEntry[str]", directory: int) -> str:
    name = printable(entry.name)
    try:
        if entry.is_symlink():
            name += f" -> {printable(os.readlink(entry.name, dir_fd=directory))}"
        return f"{name}/" if entry.is_dir() else f"{name} ({in_words(entry.stat(follow_symlinks=False).st_size)})"
    except OSError:
        return f"{name} (just gone)"
