"""From a search to its raw results: the first program that is installed runs it, in bounded time and memory."""

import os
from collections.abc import Iterable

import anyio
from msgspec import Struct, structs

from tianting.plumbing.descriptor_path import entrance
from tianting.tools.contract import ToolFailed
from tianting.tools.searching.backends import Search, SearchBackend, found_paths
from tianting.tools.searching.captured_process import Captured, captured
from tianting.tools.searching.regex_advice import bad_regex
from tianting.tools.searching.scope import SearchScope

TIME_LIMIT = 30.0
"""Seconds for a search."""
COUNT_LIMIT = 3.0
"""Seconds for counting, after a search in vain, how many files were looked into."""
MAX_OUTPUT_BYTES = 20_000_000
"""Of what the program writes; more is not sorted through."""
_COMMAND_NOT_FOUND = 127


class RawResults(Struct, frozen=True, kw_only=True):
    """What a program wrote, and who reads it."""

    backend: SearchBackend
    output: bytes
    cut: bool
    """There was more than `MAX_OUTPUT_BYTES`."""


async def run_search(search: Search, backends: Iterable[SearchBackend]) -> RawResults:
    """Search. Raises `ToolFailed` for a bad pattern, without a program for it, or when time runs out."""
    try:
        with anyio.fail_after(TIME_LIMIT):
            backend, done = await _first_installed(search, backends)
    except TimeoutError as error:
        raise ToolFailed(f"Searched {TIME_LIMIT:g} s without an end. Narrow the search with path or glob.") from error
    if done.exit_code not in {0, 1} and not done.output:
        raise ToolFailed(bad_regex(search.pattern, done.errors))
    return RawResults(backend=backend, output=done.output, cut=done.cut)


async def count_files(search: Search, backends: Iterable[SearchBackend], scope: SearchScope) -> int | None:
    """How many files `search` looks into; None when counting takes too long. An empty file counts for nothing."""
    every = structs.replace(search, pattern="", mode="files_with_matches", multiline=False)
    with anyio.move_on_after(COUNT_LIMIT):
        _, done = await _first_installed(every, backends)
        return sum(every.is_file or scope.includes(path) for path in found_paths(done.output))
    return None


async def _first_installed(search: Search, backends: Iterable[SearchBackend]) -> tuple[SearchBackend, Captured]:
    for backend in backends:
        if search.multiline and not backend.crosses_lines:
            raise ToolFailed(
                "multiline needs ripgrep (rg), which is not installed. "
                "Search for the first line alone, with -A for the lines below it."
            )
        try:
            done = await _captured(backend.command(search), search)
        except FileNotFoundError:
            continue
        if done.exit_code != _COMMAND_NOT_FOUND:
            return backend, done
    raise ToolFailed("Neither ripgrep nor git is installed. Search with Bash: grep -rnE.")


async def _captured(command: list[str], search: Search) -> Captured:
    directory = entrance(search.directory)
    if search.document is None:
        return await captured(command, directory, MAX_OUTPUT_BYTES)
    os.lseek(search.document, 0, os.SEEK_SET)  # a program before may have read it
    return await captured(command, directory, MAX_OUTPUT_BYTES, stdin=search.document)
