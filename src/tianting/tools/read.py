"""Read: shows a file to the model, in pages small enough for its context.

    open (is it there? is it the permitted one?) -> read by its form -> remember in the ledger

Everything that touches the disk runs in a worker thread, because a network disk may hang.
"""

import contextlib
import os
import shlex
import stat
from pathlib import Path

from anyio import from_thread, to_thread
from msgspec import Struct

from tianting.plumbing.byte_size import in_words
from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.path_accesses import path_accesses
from tianting.tools.permitted_places import opened
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.reading.image import read_image
from tianting.tools.reading.magic_bytes import HEAD_BYTES, FileKind, kind_of
from tianting.tools.reading.missing_path import missing_path
from tianting.tools.reading.notebook import read_notebook
from tianting.tools.reading.opened_file import OpenedFile
from tianting.tools.reading.pdf import read_pdf
from tianting.tools.reading.shown_file import ShownFile
from tianting.tools.reading.text import read_text
from tianting.tools.reading.text_page import MAX_LINES
from tianting.tools.workspace import Workspace

_SPEC = ToolSpec(
    name="Read",
    description=(
        "Show a file with line numbers: up to 2,000 lines or 50 kB a call, 2,000 characters a line; a clipped "
        "answer names the offset to go on with. Also shows pictures (PNG, JPEG, GIF, WebP), notebooks by cell "
        "and PDFs by page. Read a file before editing it; call for several files at once. For directories use Glob."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "file_path": {"type": "string", "description": "Absolute, or relative to the root"},
            "offset": {"type": "integer", "description": "First line (notebook: cell), from 1"},
            "limit": {"type": "integer", "description": "Number of lines; leave out for the most"},
            "pages": {"type": "string", "description": 'PDF pages, as "1-5"; at most 20. Needed above 10 pages'},
        },
        "required": ["file_path"],
        "additionalProperties": False,
    },
)

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class ReadParameters(Struct, frozen=True, kw_only=True):
    """What to read."""

    file_path: str
    offset: int = 1
    limit: int = MAX_LINES
    pages: str = ""


class _Reading(Struct, frozen=True, kw_only=True):
    """What came of a file."""

    shown: ShownFile
    facts: os.stat_result | None
    """Of the file; None when it changed while it was read: then what was shown is already stale."""


class Read:
    """The tool."""

    spec = _SPEC
    parameters = ReadParameters

    def __init__(self, workspace: Workspace, ledger: ReadLedger) -> None:
        self._workspace = workspace
        self._ledger = ledger

    def accesses(self, parameters: ReadParameters) -> tuple[Access, ...]:
        """The file, and the place a symlink leads to."""
        return path_accesses("read", self._workspace.resolve(parameters.file_path))

    async def run(self, parameters: ReadParameters) -> ToolOutput:
        """Show the file. Raises `ToolFailed` for what is missing, special, binary or out of range."""
        if parameters.offset < 0 or parameters.limit < 1:
            raise ToolFailed(
                f"offset and limit count from 1, got offset={parameters.offset}, limit={parameters.limit}. "
                "To see the end of a file use Bash: tail."
            )
        path = self._workspace.resolve(parameters.file_path)
        try:
            reading = await to_thread.run_sync(self._read, path, parameters, abandon_on_cancel=True)
            if isinstance(reading, OpenedFile):
                reading = await self._read_pdf(reading, parameters.pages)
        except OSError as error:
            raise self._unreadable(path, error) from error
        if reading.facts is not None:
            self._ledger.note(path, whole=reading.shown.whole, facts=reading.facts)
        return reading.shown.output

    def _read(self, path: Path, parameters: ReadParameters) -> _Reading | OpenedFile:
        """What is shown of `path`. A PDF is handed back as it was opened: another process reads it."""
        file = self._opened(path)
        with contextlib.ExitStack() as closing:
            closing.enter_context(file)
            kind = kind_of(file.rewound().read(HEAD_BYTES))
            if kind.form == "pdf":
                closing.pop_all()
                return file
            return _reading(file, self._shown_by(kind, file, parameters))

    def _opened(self, path: Path) -> OpenedFile:
        """Open `path`, and only a regular file: a device might do things."""
        try:
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise ToolFailed(self._why_special(path, mode))
            with opened(path) as descriptor:
                return self._regular(path, descriptor)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing_path(self._workspace, path, "file") from error

    def _regular(self, path: Path, descriptor: int) -> OpenedFile:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            name, count = self._shown(path), len(os.listdir(descriptor))
            raise ToolFailed(f'{name}/ is a directory with {count} entries; use Glob "{name}/*".')
        if not stat.S_ISREG(mode):
            raise ToolFailed(self._why_special(path, mode))
        return OpenedFile(os.fdopen(os.dup(descriptor), "rb"), path, self._shown(path))

    def _shown_by(self, kind: FileKind, file: OpenedFile, parameters: ReadParameters) -> ShownFile:
        window = (max(parameters.offset, 1), min(parameters.limit, MAX_LINES))
        match kind.form:
            case "text" if file.path.suffix == ".ipynb":
                return read_notebook(file, *window)
            case "text":
                return read_text(file, *window, from_thread.check_cancelled, codec=kind.codec)
            case "image":
                return read_image(file, kind.media_type)
            case "pdf" | "binary":
                size, command = in_words(file.facts.st_size), kind.look.format(shlex.quote(file.name))
                raise ToolFailed(f"{file.name} is binary ({kind.name}, {size}). Look inside with Bash: {command}")

    async def _read_pdf(self, file: OpenedFile, pages: str) -> _Reading:
        with file:
            return _reading(file, await read_pdf(file, pages))

    def _why_special(self, path: Path, mode: int) -> str:
        name = self._shown(path)
        what = _SPECIAL.get(stat.S_IFMT(mode), "not a regular file")
        command = f"timeout 2 head -c 1000 {shlex.quote(name)}"
        return f"{name} is {what}; Read takes regular files only. Look at it with Bash: {command}"

    def _unreadable(self, path: Path, error: OSError) -> ToolFailed:
        reason = (error.strerror or "input error").lower()
        return ToolFailed(f"Cannot read {self._shown(path)}: {reason}. Ask the user, or go on without it.")

    def _shown(self, path: Path) -> str:
        return printable(self._workspace.shown(path), 200)


def _reading(file: OpenedFile, shown: ShownFile) -> _Reading:
    return _Reading(shown=shown, facts=file.facts if file.unchanged() else None)
