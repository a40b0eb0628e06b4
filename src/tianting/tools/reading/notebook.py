"""Jupyter notebooks for the model: cells with their ids and outputs, without the JSON around them.

The format is nbformat 4: https://nbformat.readthedocs.io/en/latest/format_description.html
A file that is no such notebook is shown as the text it is.
"""

import re
import shlex
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from anyio import from_thread
from msgspec import Struct

from tianting.plumbing.byte_size import in_words
from tianting.protocol.tool_calls import ToolOutput
from tianting.tools.contract import ToolFailed
from tianting.tools.reading.opened_file import OpenedFile
from tianting.tools.reading.shown_file import ShownFile
from tianting.tools.reading.text import read_text
from tianting.tools.reading.text_page import MAX_PAGE_BYTES

MAX_NOTEBOOK_BYTES = 50_000_000
MAX_SOURCE_CHARS = 20_000
"""Of one cell."""
MAX_OUTPUT_CHARS = 2_000
"""Of one output of a cell. The end is kept longer than the start: errors stand last."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

Lines = str | list[str]


class CellOutput(Struct, frozen=True, kw_only=True):
    """What a cell printed, showed or raised."""

    output_type: str = ""
    text: Lines = ""
    data: dict[str, Any] = {}
    """By media type."""
    ename: str = ""
    evalue: str = ""
    traceback: list[str] = []


class Cell(Struct, frozen=True, kw_only=True):
    """One cell."""

    cell_type: str
    source: Lines = ""
    id: str = ""
    """Missing before nbformat 4.5."""
    execution_count: int | None = None
    outputs: tuple[CellOutput, ...] = ()


class Notebook(Struct, frozen=True, kw_only=True):
    """What of a notebook is shown."""

    cells: tuple[Cell, ...]


class NotebookFile(Struct, frozen=True, kw_only=True, rename="camel"):
    """The cells that were shown."""

    file_path: str
    cells: tuple[Cell, ...]


class NotebookReadOutput(Struct, frozen=True, kw_only=True, tag_field="type", tag="notebook"):
    """Read's `tool_use_result` for a notebook."""

    file: NotebookFile


def read_notebook(file: OpenedFile, first: int, limit: int) -> ShownFile:
    """Read at most `limit` cells of `file` from cell `first` (from 1) on. Blocks: call it in a worker thread.

    Raises `OSError`, and `ToolFailed` for a file too big to decode or a cell behind the end.
    """
    name, size = file.name, file.facts.st_size
    if size > MAX_NOTEBOOK_BYTES:
        raise ToolFailed(
            f"{name} has {in_words(size)}, too much for a notebook. "
            f"Take its sources with Bash: jq -r '.cells[].source | add' {shlex.quote(name)} | head -c 20000"
        )
    try:
        notebook = msgspec.json.decode(file.rewound().read(), type=Notebook)
    except (msgspec.DecodeError, RecursionError):
        return read_text(file, first, limit, from_thread.check_cancelled)
    return _shown(notebook.cells, file.path, first, limit)


def _shown(cells: tuple[Cell, ...], path: Path, first: int, limit: int) -> ShownFile:
    if first > max(len(cells), 1):
        raise ToolFailed(f"offset {first} is past the end ({len(cells)} cells).")
    texts: list[str] = []
    room = MAX_PAGE_BYTES
    for number, cell in islice(enumerate(cells, start=1), first - 1, first - 1 + limit):
        text = cell_text(number, cell)
        room -= len(text.encode()) + 1
        if texts and room < 0:
            break
        texts.append(text)
    last = first - 1 + len(texts)
    shown = cells[first - 1 : last]
    if last < len(cells):
        texts.append(f"[clipped: cells {first}-{last} of {len(cells)}. Continue with offset={last + 1}]")
    output = ToolOutput(
        content="\n".join(texts) or "[notebook without cells]",
        data=NotebookReadOutput(file=NotebookFile(file_path=str(path), cells=shown)),
    )
    uncut = all(len(_joined(cell.source)) <= MAX_SOURCE_CHARS for cell in shown)
    return ShownFile(output=output, whole=uncut and len(shown) == len(cells))


def cell_text(number: int, cell: Cell) -> str:
    """One cell as the model reads it. A cell without an id goes by `cell-<number from 0>`, as editors count."""
    run = f", run {cell.execution_count}" if cell.execution_count is not None else ""
    source = _joined(cell.source)
    if len(source) > MAX_SOURCE_CHARS:
        source = f"{source[:MAX_SOURCE_CHARS]}… [cell cut, {len(source) - MAX_SOURCE_CHARS:,} more characters]"
    parts = [f"--- cell {number}: {cell.cell_type}, id {cell.id or f'cell-{number - 1}'}{run} ---", source]
    for output in cell.outputs:
        parts += [f"--- output of cell {number} ---", _clipped(_output_text(output))]
    return "\n".join(parts)


def _output_text(output: CellOutput) -> str:
    if output.output_type == "error":
        return _COLOUR.sub("", "\n".join([*output.traceback, f"{output.ename}: {output.evalue}"]))
    if output.output_type == "stream":
        return _COLOUR.sub("", _joined(output.text))
    plain = output.data.get("text/plain", "")
    text = "".join(plain) if isinstance(plain, list) else str(plain)
    hidden = ", ".join(sorted(output.data.keys() - {"text/plain"}))
    return "\n".join(part for part in (text, f"[{hidden} not shown]" if hidden else "") if part)


def _clipped(text: str) -> str:
    if len(text) <= MAX_OUTPUT_CHARS:
        return text
    head, tail = text[: MAX_OUTPUT_CHARS // 4], text[-MAX_OUTPUT_CHARS * 3 // 4 :]
    return f"{head}\n[… {len(text) - len(head) - len(tail):,} characters cut …]\n{tail}"


def _joined(lines: Lines) -> str:
    return lines if isinstance(lines, str) else "".join(lines)
