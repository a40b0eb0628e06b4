"""Glob: finds files by name, newest first.

    walk (only where the pattern can still match) -> stat the matches -> newest hundred

`.gitignore` does not count here: a name that is asked for is wanted, and generated files are files.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import nsmallest
from itertools import count, takewhile
from pathlib import Path

import anyio
from anyio import from_thread, to_thread
from msgspec import Struct

from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.path_accesses import path_accesses
from tianting.tools.permitted_places import LISTING, opened
from tianting.tools.reading.missing_path import missing_path
from tianting.tools.searching.glob_pattern import GlobPattern
from tianting.tools.searching.held_tree import HeldTree
from tianting.tools.searching.near_suffixes import near_suffixes
from tianting.tools.workspace import Workspace

MAX_PATHS = 100
_WILD = frozenset("*?[{")
TIME_LIMIT = 30.0
"""Seconds for a walk."""

_SPEC = ToolSpec(
    name="Glob",
    description=(
        "Find files by name, newest first, at most 100; ignored and hidden files too, .git not. For contents use Grep."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "description": 'As "**/*.py" or "src/*.{js,ts}"; "*.py" is one level only'},
            "path": {"type": "string", "description": "Directory to start from; default: root"},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    },
)


class GlobParameters(Struct, frozen=True, kw_only=True):
    """What to look for."""

    pattern: str
    path: str = ""


class GlobOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    """Glob's `tool_use_result`."""

    duration_ms: int
    num_files: int
    filenames: tuple[str, ...]
    truncated: bool


class _Found(Struct, frozen=True, kw_only=True):
    """The newest matches, `MAX_PATHS` at most, and how many there are: a tree may have millions."""

    names: tuple[str, ...]
    total: int


class Glob:
    """The tool."""

    spec = _SPEC
    parameters = GlobParameters

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def accesses(self, parameters: GlobParameters) -> tuple[Access, ...]:
        """The directory that is searched, and the place a symlink to it leads to."""
        return path_accesses("read", self._start(parameters)[0])

    async def run(self, parameters: GlobParameters) -> ToolOutput:
        """Find files. Raises `ToolFailed` for a directory that is not there, and when time runs out."""
        start, pattern = self._start(parameters)
        began = anyio.current_time()
        try:
            with anyio.fail_after(TIME_LIMIT):
                found = await to_thread.run_sync(self._found, start, pattern, abandon_on_cancel=True)
                content = _page(found)
                if not found.total:
                    content = await to_thread.run_sync(
                        self._no_match, parameters, start, pattern, abandon_on_cancel=True
                    )
        except TimeoutError as error:
            raise ToolFailed(f"Walked {TIME_LIMIT:g} s without an end. Start deeper, with path.") from error
        return ToolOutput(
            content=content,
            data=GlobOutput(
                duration_ms=round((anyio.current_time() - began) * 1_000),
                num_files=len(found.names),
                filenames=found.names,
                truncated=found.total > len(found.names),
            ),
        )

    def _start(self, parameters: GlobParameters) -> tuple[Path, str]:
        """Where to walk, and what to match below. The plain directories that a pattern begins with join the path."""
        names = parameters.pattern.split("/")
        plain = list(takewhile(lambda name: not _WILD & set(name), names[:-1]))
        directory = "/".join([*plain, ""]) if plain else ""
        start = self._workspace.resolve(os.path.join(parameters.path, directory))  # noqa: PTH118  keeps "~"
        return start, "/".join(names[len(plain) :])

    def _found(self, start: Path, pattern: str) -> _Found:
        """The matches. Blocks."""
        if not pattern:
            raise ToolFailed('pattern is empty or a directory. For its files append "*", for all below "**".')
        compiled, counted = GlobPattern(pattern), count()
        with self._tree(start) as tree:
            matches = zip(_matches(tree, compiled, from_thread.check_cancelled), counted, strict=False)
            newest = nsmallest(MAX_PATHS, ((-modified, path) for (path, modified), _ in matches))
        names = tuple(printable(self._workspace.shown(start / path)) for _, path in newest)
        return _Found(names=names, total=next(counted))

    @contextmanager
    def _tree(self, start: Path) -> Iterator[HeldTree]:
        try:
            with opened(start, LISTING) as directory:
                yield HeldTree(directory)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing_path(self._workspace, start, "directory") from error
        except OSError as error:
            reason, shown = (error.strerror or "input error").lower(), printable(self._workspace.shown(start), 120)
            raise ToolFailed(f"Cannot list {shown}: {reason}. Choose another directory.") from error

    def _no_match(self, parameters: GlobParameters, start: Path, pattern: str) -> str:
        place = self._workspace.shown(start)
        where = "the tree" if place == "." else f"{printable(place, 120)}/"
        message = f'No file matches "{printable(parameters.pattern, 120)}"'
        with self._tree(start) as tree:
            suffixes = near_suffixes(tree, parameters.pattern, from_thread.check_cancelled)
        if suffixes and suffixes[0].startswith(f"*{Path(pattern).suffix} (") and "**" not in pattern:
            return (
                f'{message}; deeper in {where} are {suffixes[0]}: try "{printable(_deeper(parameters.pattern), 120)}".'
            )
        return f"{message}; {where} has {', '.join(suffixes) or 'no files'}."


def _matches(tree: HeldTree, pattern: GlobPattern, check_cancelled: Callable[[], None]) -> Iterator[tuple[str, int]]:
    """Paths and times of matching files of `tree`. Links to directories are not followed: they may form a ring."""
    waiting = [("", pattern.start())]
    while waiting:
        check_cancelled()
        directory, places = waiting.pop()
        for entry in tree.entries(directory):
            below = pattern.step(places, entry.name)
            if not below or entry.name == ".git":
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append((f"{directory}{entry.name}/", below))
            elif pattern.accepts(below) and (modified := _modified(entry)) is not None:
                yield f"{directory}{entry.name}", modified


def _modified(entry: "os.DirEntry[str]") -> int | None:
    """When a file last changed; None for what is no file, or has just gone."""
    try:
        return entry.stat().st_mtime_ns if entry.is_file() else None
    except OSError:
        return None


def _deeper(pattern: str) -> str:
    directory, slash, name = pattern.rpartition("/")
    return f"{directory}{slash}**/{name}"


def _page(found: _Found) -> str:
    clipped = found.total > len(found.names)
    note = [f"[{len(found.names)} of {found.total:,}; narrow the pattern]"] if clipped else []
    return "\n".join((*found.names, *note))
