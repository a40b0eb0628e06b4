"""Text files for the model: a number before each line, and behind the last what is missing and how to get it."""

import shlex
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from tianting.plumbing.byte_size import in_words
from tianting.protocol.tool_calls import ToolOutput
from tianting.tools.contract import ToolFailed
from tianting.tools.reading.opened_file import OpenedFile
from tianting.tools.reading.python_outline import outline
from tianting.tools.reading.shown_file import ShownFile
from tianting.tools.reading.text_page import TextPage, read_page

_MAX_OUTLINED_BYTES = 1_000_000
_MAX_TRANSCODED_BYTES = 20_000_000
_PYTHON = frozenset({".py", ".pyi"})


class TextFile(Struct, frozen=True, kw_only=True, rename="camel"):
    """The lines that were shown."""

    file_path: str
    content: str
    num_lines: int
    start_line: int
    total_lines: int | None


class TextReadOutput(Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Read's `tool_use_result` for text."""

    file: TextFile


def read_text(
    file: OpenedFile, first: int, limit: int, check_cancelled: Callable[[], None], *, codec: str = "utf-8"
) -> ShownFile:
    """Read a page of `file`. Blocks; see `read_page`.

    Raises `OSError`, and `ToolFailed` for a page behind the end or one that turns out to be binary.
    """
    name = file.name
    page = read_page(file.rewound() if codec == "utf-8" else _transcoded(file, codec), first, limit, check_cancelled)
    if page.has_nul:
        raise ToolFailed(
            f"{name} is binary: a NUL stands in lines {page.first}-{page.last}. "
            f"Search it with Bash: grep -a, or Read other lines with offset={page.last + 1}."
        )
    if not page.lines and page.first > 1:
        raise ToolFailed(f"offset {page.first} is past the end ({page.total} lines).")
    output = ToolOutput(content=_numbered(page, _notes(page, file)), data=_data(page, file.path))
    return ShownFile(output=output, whole=page.is_whole)


def _transcoded(file: OpenedFile, codec: str) -> BinaryIO:
    """The file as UTF-8, in memory: line ends of other encodings are more than one byte."""
    name, size = file.name, file.facts.st_size
    if size > _MAX_TRANSCODED_BYTES:
        raise ToolFailed(
            f"{name} is {codec.upper()} and has {in_words(size)}, too much to convert here. "
            f"Look inside with Bash: iconv -f {codec.upper()} -t UTF-8 {shlex.quote(name)} | sed -n 1,200p"
        )
    return BytesIO(file.rewound().read().decode(codec, "replace").encode())


def _numbered(page: TextPage, notes: list[str]) -> str:
    lines = [f"{number:>6}\t{line}" for number, line in enumerate(page.lines, start=page.first)]
    return "\n".join(lines + notes) or "[file exists and is empty]"


def _notes(page: TextPage, file: OpenedFile) -> list[str]:
    """Say what the lines do not show, one fact a line."""
    facts = []
    if page.latin_1:
        facts.append("[not UTF-8; shown as Latin-1]")
    if page.crlf:
        facts.append("[lines end in CRLF]")
    if not page.final_newline:
        facts.append("[no newline at the end of the file]")
    if page.last != page.total and page.lines:
        facts.append(_clip_note(page, file))
    return facts


def _clip_note(page: TextPage, file: OpenedFile) -> str:
    size = file.facts.st_size
    whole = f"a {in_words(size)} file" if page.total is None else str(page.total)
    note = (
        f"clipped: lines {page.first}-{page.last} of {whole}. "
        f"Continue with offset={page.last + 1}, or Grep for the name first."
    )
    if file.path.suffix in _PYTHON and size <= _MAX_OUTLINED_BYTES:
        rest = outline(file.rewound().read().decode("utf-8", "replace").split("\n"), page.last)
        note += f" Outline: {rest}" if rest else ""
    return f"[{note}]"


def _data(page: TextPage, path: Path) -> TextReadOutput:
    return TextReadOutput(
        file=TextFile(
            file_path=str(path),
            content="\n".join(page.lines),
            num_lines=len(page.lines),
            start_line=page.first,
            total_lines=page.total,
        )
    )
