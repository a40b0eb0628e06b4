"""From what a search program wrote to one page for the model, in an order that does not depend on the program.

read -> sieve by scope -> sort (files: newest first; lines and counts: by path) -> cut out the page
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import ToolOutput
from tianting.tools.searching.backends import FoundLine, Mode, Search, found_counts, found_paths
from tianting.tools.searching.run import RawResults
from tianting.tools.searching.scope import SearchScope
from tianting.tools.workspace import Workspace

MAX_PAGE_BYTES = 16_000
MAX_LINE_CHARS = 500


class GrepOutput(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Grep's `tool_use_result`."""

    mode: Mode
    num_files: int
    filenames: tuple[str, ...]
    """In mode `files_with_matches`: those shown."""
    content: str | None = None
    num_lines: int | None = None
    num_matches: int | None = None
    """In mode `count`: lines that match, in all files."""
    applied_limit: int | None = None
    """How many results a page may have, where there were more."""


class Found(Struct, frozen=True, kw_only=True):
    """All results, ready to be shown. One row is one result; a row of context may begin with a separator."""

    mode: Mode
    rows: tuple[str, ...]
    files: tuple[str, ...]
    matches: int = 0
    cut: bool = False
    """There were more than could be read."""


class Window(Struct, frozen=True, kw_only=True):
    """Which results are wanted."""

    offset: int
    limit: int
    """0 is no limit but that of bytes."""


def read_results(raw: RawResults, search: Search, scope: SearchScope, workspace: Workspace, *, numbered: bool) -> Found:
    """Make rows of raw results. Blocks for the files' times: call it in a worker thread."""
    sieve = _Sieve(search, scope, workspace)
    match search.mode:
        case "files_with_matches":
            paths = sorted((path for path in found_paths(raw.output) if sieve.keeps(path)), key=sieve.newest_first)
            names = tuple(sieve.shown(path) for path in paths)
            return Found(mode=search.mode, rows=names, files=names, cut=raw.cut)
        case "count":
            counts = sorted((path, count) for path, count in found_counts(raw.output) if sieve.keeps(path))
            names = tuple(sieve.shown(path) for path, _ in counts)
            rows = tuple(f"{name}: {count}" for name, (_, count) in zip(names, counts, strict=True))
            matches = sum(count for _, count in counts)
            return Found(mode=search.mode, rows=rows, files=names, matches=matches, cut=raw.cut)
        case "content":
            lines = [line for line in raw.backend.lines(raw.output) if sieve.keeps(line.path)]
            lines.sort(key=lambda line: (line.path, line.number))
            has_context = bool(search.before or search.after)
            rows = tuple(_line_rows(lines, sieve, numbered=numbered, grouped=has_context))
            names = tuple(sieve.shown(path) for path in dict.fromkeys(line.path for line in lines))
            return Found(mode=search.mode, rows=rows, files=names, cut=raw.cut)


def page(found: Found, window: Window) -> ToolOutput:
    """Cut one page out of `found`, and say what is not on it."""
    rows = list(_fitting(found.rows, window))
    body = "\n".join(rows)
    is_clipped = len(rows) < len(found.rows) or found.cut
    parts = [body or f"[offset {window.offset} is past the end]", *_verdict(found)]
    parts += [_clip_note(found, window, len(rows))] if is_clipped else []
    return ToolOutput(content="\n".join(parts), data=_data(found, window, rows, is_clipped=is_clipped))


class _Sieve:
    """Names of one search: which are in scope, and how to say them."""

    def __init__(self, search: Search, scope: SearchScope, workspace: Workspace) -> None:
        self._search = search
        self._scope = scope
        self._workspace = workspace
        self._shown: dict[str, str] = {}
        self._allowed: dict[str, bool] = {}

    def keeps(self, path: str) -> bool:
        """A file that was asked for by name is always in scope. Globs may count from the root, too."""
        if self._search.is_file:
            return True
        return self._scope.includes(path, self._workspace.shown(self._search.path / path)) and self._may_show(path)

    def _may_show(self, path: str) -> bool:
        """Both ends are asked about: a link to what is searched may lead elsewhere by now."""
        if path not in self._allowed:
            names = {str(self._search.path / path), f"{self._search.place.rstrip('/')}/{path}"}
            self._allowed[path] = all(self._workspace.may_read(name) for name in names)
        return self._allowed[path]

    def shown(self, path: str) -> str:
        if path not in self._shown:
            self._shown[path] = printable(self._workspace.shown(self._file(path)))
        return self._shown[path]

    def newest_first(self, path: str) -> tuple[int, str]:
        with contextlib.suppress(OSError):
            return -self._file(path).stat().st_mtime_ns, path
        return 0, path

    def _file(self, path: str) -> Path:
        """Of a single file programs do not know the name."""
        return self._search.path if self._search.is_file else self._search.path / path


def _line_rows(lines: list[FoundLine], sieve: _Sieve, *, numbered: bool, grouped: bool) -> Iterator[str]:
    before: FoundLine | None = None
    for line in lines:
        mark = ":" if line.is_match else "-"
        place = f"{mark}{line.number}{mark}" if numbered else mark
        continues = before is None or (before.path, before.number + 1) == (line.path, line.number)
        yield f"{'' if continues or not grouped else f'--{chr(10)}'}{sieve.shown(line.path)}{place} {_cut(line.text)}"
        before = line


def _cut(text: str) -> str:
    if len(text) <= MAX_LINE_CHARS:
        return text
    return f"{text[:MAX_LINE_CHARS]}… [line cut, {len(text) - MAX_LINE_CHARS:,} more characters]"


def _fitting(rows: tuple[str, ...], window: Window) -> Iterator[str]:
    room = MAX_PAGE_BYTES
    stop = window.offset + window.limit if window.limit > 0 else len(rows)
    for row in rows[window.offset : stop]:
        room -= len(row.encode(errors="replace")) + 1
        if room < 0:
            return
        yield row


def _verdict(found: Found) -> list[str]:
    if found.mode != "count" or len(found.files) < 2:
        return []
    return [f"[{found.matches:,} matching lines in {len(found.files):,} files]"]


def _clip_note(found: Found, window: Window, shown: int) -> str:
    what = "lines" if found.mode == "content" else "files"
    total = f"{'more than ' if found.cut else ''}{len(found.rows):,} {what}"
    end = window.offset + shown
    range_ = f"{window.offset + 1}-{end}" if window.offset and shown else f"{shown}"
    more = f", or go on with offset={end}" if shown and end < len(found.rows) else ""
    return f'[{range_} of {total}; narrow with glob="{_usual_glob(found.files)}" or path{more}]'


def _usual_glob(files: tuple[str, ...]) -> str:
    """The most frequent suffix of the results: what is most likely wanted."""
    suffixes = Counter(Path(name).suffix for name in files)
    return f"*{suffixes.most_common(1)[0][0]}" if files else "*"


def _data(found: Found, window: Window, rows: list[str], *, is_clipped: bool) -> GrepOutput:
    limit = window.limit if is_clipped else None
    if found.mode == "files_with_matches":
        return GrepOutput(mode=found.mode, num_files=len(rows), filenames=tuple(rows), applied_limit=limit)
    return GrepOutput(
        mode=found.mode,
        num_files=len(found.files),
        filenames=(),
        content="\n".join(rows),
        num_lines=len(rows) if found.mode == "content" else None,
        num_matches=found.matches if found.mode == "count" else None,
        applied_limit=limit,
    )
