"""Grep: finds text in files.

    check the pattern -> search with the first program that is there -> sieve -> sort -> one page of it

Results come in an order that does not depend on the program, and a page says where the next one begins.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from anyio import to_thread
from msgspec import Struct

from tianting.plumbing.atomic_file import DIRECTORY
from tianting.plumbing.descriptor_path import path_of
from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.path_accesses import path_accesses
from tianting.tools.permitted_places import opened
from tianting.tools.reading.magic_bytes import HEAD_BYTES, kind_of
from tianting.tools.reading.missing_path import missing_path
from tianting.tools.searching.backends import BACKENDS, Mode, Search, SearchBackend
from tianting.tools.searching.grep_results import GrepOutput, Window, page, read_results
from tianting.tools.searching.regex_advice import bad_regex, has_escaped_newline, stray_brace
from tianting.tools.searching.run import count_files, run_search
from tianting.tools.searching.scope import SearchScope
from tianting.tools.workspace import Workspace

MAX_PATTERN = 4_000
"""Characters."""

_SPEC = ToolSpec(
    name="Grep",
    description=(
        "Search file contents by regular expression (ripgrep syntax); hidden files too, but not .git, binaries "
        "and what .gitignore names. Gives files that match, newest first; or lines (content); or counts. "
        '250 results or 16 kB a call. For names use Glob. Example: {"pattern": "def run\\(", "type": "py", '
        '"output_mode": "content"}'
    ),
    input_schema={
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "path": {"type": "string", "description": "File or directory; default: root"},
            "glob": {"type": "string", "description": 'As "*.{ts,tsx}", "src/**", "!*_test.go"'},
            "type": {"type": "string", "description": "As py, rust"},
            "output_mode": {"type": "string", "enum": ["files_with_matches", "content", "count"]},
            "-A": {"type": "integer", "description": "Lines after; -B before, -C around"},
            "-B": {"type": "integer"},
            "-C": {"type": "integer"},
            "-n": {"type": "boolean", "description": "Line numbers, on"},
            "-i": {"type": "boolean", "description": "Ignore case"},
            "multiline": {"type": "boolean", "description": "May span lines"},
            "head_limit": {"type": "integer", "description": "0: no limit"},
            "offset": {"type": "integer", "description": "Results to skip"},
        },
        "required": ["pattern"],
        "additionalProperties": False,
    },
)

_FIELDS = {
    "after": "-A",
    "before": "-B",
    "context": "-C",
    "line_numbers": "-n",
    "ignore_case": "-i",
}


class GrepParameters(Struct, frozen=True, kw_only=True, rename=_FIELDS):
    """What to look for."""

    pattern: str
    path: str = ""
    glob: str = ""
    type: str = ""
    output_mode: Mode = "files_with_matches"
    after: int = 0
    before: int = 0
    context: int = 0
    line_numbers: bool = True
    ignore_case: bool = False
    multiline: bool = False
    head_limit: int = 250
    offset: int = 0


class Grep:
    """The tool."""

    spec = _SPEC
    parameters = GrepParameters

    def __init__(self, workspace: Workspace, backends: tuple[SearchBackend, ...] = BACKENDS) -> None:
        self._workspace = workspace
        self._backends = backends

    def accesses(self, parameters: GrepParameters) -> tuple[Access, ...]:
        """What is searched, and the place a symlink to it leads to."""
        return path_accesses("read", self._workspace.resolve(parameters.path))

    async def run(self, parameters: GrepParameters) -> ToolOutput:
        """Search. Raises `ToolFailed` for a bad pattern, type or path, and when time runs out."""
        _check_pattern(parameters)
        scope = SearchScope(parameters.glob, parameters.type)
        with contextlib.ExitStack() as held:
            search = await to_thread.run_sync(self._search, parameters, scope, held, abandon_on_cancel=True)
            return await self._results(parameters, search, scope)

    def _search(self, parameters: GrepParameters, scope: SearchScope, held: contextlib.ExitStack) -> Search:
        """Open what is to be searched; `held` closes it. Blocks. Raises `ToolFailed` for what cannot be searched."""
        path = self._workspace.resolve(parameters.path)
        directory, document = self._opened(path, held)
        return Search(
            pattern=parameters.pattern,
            path=path,
            place=path_of(directory if document is None else document),
            directory=directory,
            document=document,
            names=scope.names if document is None else (),
            mode=parameters.output_mode,
            before=max(parameters.before, parameters.context, 0),
            after=max(parameters.after, parameters.context, 0),
            ignore_case=parameters.ignore_case,
            multiline=parameters.multiline,
            in_repository=any(os.path.lexists(above / ".git") for above in (path, *path.parents)),
        )

    def _opened(self, path: Path, held: contextlib.ExitStack) -> tuple[int, int | None]:
        """The descriptor of the directory at `path`; of a text file, that of its directory and its own."""
        try:
            mode = path.stat().st_mode
            if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                descriptor = held.enter_context(opened(path))
                if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                    return descriptor, None
                if kind_of(os.pread(descriptor, HEAD_BYTES, 0)).form == "text":
                    return held.enter_context(_directory_of(path_of(descriptor))), descriptor
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing_path(self._workspace, path, "file or directory") from error
        except OSError as error:
            reason = (error.strerror or "input error").lower()
            raise ToolFailed(f"Cannot search {self._shown(path)}: {reason}. Choose another path.") from error
        raise ToolFailed(f"{self._shown(path)} is no text file. Search it with Bash: strings, or grep -a.")

    async def _results(self, parameters: GrepParameters, search: Search, scope: SearchScope) -> ToolOutput:
        raw = await run_search(search, self._backends)
        found = await to_thread.run_sync(
            lambda: read_results(raw, search, scope, self._workspace, numbered=parameters.line_numbers),
            abandon_on_cancel=True,
        )
        if not found.rows:
            content = await self._no_match(parameters, search, scope)
            return ToolOutput(content=content, data=GrepOutput(mode=search.mode, num_files=0, filenames=()))
        return page(found, Window(offset=max(parameters.offset, 0), limit=parameters.head_limit))

    async def _no_match(self, parameters: GrepParameters, search: Search, scope: SearchScope) -> str:
        place = self._place(search)
        count = await count_files(search, self._backends, scope)
        if count == 0:
            filters = " and ".join(_filters(parameters)) or "anything"
            return f"No text file {place} matches {filters} (ignored files skipped). Look with Glob what is there."
        files = "" if count is None else f"in {count:,} files "
        advice = "Try a shorter pattern." if parameters.ignore_case else "Try -i, or a shorter pattern."
        return f'No match for "{printable(parameters.pattern, 120)}" {files}{place} (ignored files skipped). {advice}'

    def _place(self, search: Search) -> str:
        shown = self._shown(search.path)
        if search.is_file:
            return f"in {shown}"
        return "under the root" if shown == "." else f"under {shown}/"

    def _shown(self, path: Path) -> str:
        return printable(self._workspace.shown(path), 120)


def _check_pattern(parameters: GrepParameters) -> None:
    """Refuse what the programs would understand differently."""
    pattern = parameters.pattern
    if not pattern:
        raise ToolFailed("pattern is empty. To list files use Glob.")
    if len(pattern) > MAX_PATTERN:
        raise ToolFailed(f"pattern has {len(pattern):,} characters, the limit is {MAX_PATTERN:,}; send several calls.")
    if "\0" in pattern:
        raise ToolFailed("pattern holds a NUL character; text files have none. Binary ones: Bash, grep -aP.")
    if not parameters.multiline and ("\n" in pattern or has_escaped_newline(pattern)):
        raise ToolFailed("The pattern holds a line end: set multiline=true, or search for one line.")
    if stray_brace(pattern) is not None:
        raise ToolFailed(bad_regex(pattern, ""))


@contextlib.contextmanager
def _directory_of(place: str) -> Iterator[int]:
    """The directory of an open file, without links."""
    above = os.path.dirname(place)  # noqa: PTH120  what the kernel said, unchanged
    directory = os.open(above, DIRECTORY)
    try:
        if path_of(directory) != above:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), above)
        yield directory
    finally:
        os.close(directory)


def _filters(parameters: GrepParameters) -> Iterator[str]:
    if parameters.glob:
        yield f'glob "{printable(parameters.glob, 80)}"'
    if parameters.type:
        yield f'type "{parameters.type}"'
