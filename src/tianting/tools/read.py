"""Read: shows a file to the model, in pages small enough for its context.

    look (is it there? what is it?) -> read by its form -> remember in the ledger

Everything that touches the disk runs in a worker thread, because a network disk may hang.
"""

import os
import shlex
import stat
from functools import partial
from pathlib import Path

from anyio import from_thread, to_thread
from msgspec import Struct

from tianting.plumbing.byte_size import in_words
from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.path_accesses import path_accesses
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.reading.image import read_image
from tianting.tools.reading.magic_bytes import HEAD_BYTES, FileKind, kind_of
from tianting.tools.reading.missing_path import missing_path
from tianting.tools.reading.notebook import read_notebook
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


class _Look(Struct, frozen=True, kw_only=True):
    """A regular file before it is read."""

    kind: FileKind
    size: int
    mtime_ns: int


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
        look = await to_thread.run_sync(self._look, path, abandon_on_cancel=True)
        try:
            shown = await self._read(path, parameters, look)
        except OSError as error:
            raise self._unreadable(path, error) from error
        self._remember(path, look, shown)
        return shown.output

    def _look(self, path: Path) -> _Look:
        """Find out what `path` is. Only a regular file is opened: a pipe would block, a device never end."""
        try:
            facts = path.stat()
            if stat.S_ISREG(facts.st_mode):
                with path.open("rb") as file:
                    head = file.read(HEAD_BYTES)
                return _Look(kind=kind_of(head), size=facts.st_size, mtime_ns=facts.st_mtime_ns)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing_path(self._workspace, path, "file") from error
        except OSError as error:
            raise self._unreadable(path, error) from error
        raise ToolFailed(self._why_not_regular(path, facts.st_mode))

    async def _read(self, path: Path, parameters: ReadParameters, look: _Look) -> ShownFile:
        name = self._shown(path)
        window = (max(parameters.offset, 1), min(parameters.limit, MAX_LINES))
        match look.kind.form:
            case "text" if path.suffix == ".ipynb":
                return await to_thread.run_sync(read_notebook, path, name, *window, abandon_on_cancel=True)
            case "text":
                read = partial(read_text, check_cancelled=from_thread.check_cancelled, codec=look.kind.codec)
                return await to_thread.run_sync(read, path, name, *window, abandon_on_cancel=True)
            case "image":
                media_type = look.kind.media_type
                return await to_thread.run_sync(read_image, path, name, media_type, abandon_on_cancel=True)
            case "pdf":
                return await read_pdf(path, name, parameters.pages)
            case "binary":
                command = look.kind.look.format(shlex.quote(name))
                raise ToolFailed(
                    f"{name} is binary ({look.kind.name}, {in_words(look.size)}). Look inside with Bash: {command}"
                )

    def _remember(self, path: Path, look: _Look, shown: ShownFile) -> None:
        """Keep the ledger, unless the file changed meanwhile: then what was shown is already stale."""
        try:
            facts = path.stat()
            if (facts.st_size, facts.st_mtime_ns) == (look.size, look.mtime_ns):
                self._ledger.note(path, whole=shown.whole)
        except OSError:
            return

    def _why_not_regular(self, path: Path, mode: int) -> str:
        name = self._shown(path)
        if not stat.S_ISDIR(mode):
            what = _SPECIAL.get(stat.S_IFMT(mode), "not a regular file")
            command = f"timeout 2 head -c 1000 {shlex.quote(name)}"
            return f"{name} is {what}; Read takes regular files only. Look at it with Bash: {command}"
        try:
            count = len(os.listdir(path))  # noqa: PTH208  names alone, without a Path for each
        except OSError as error:
            return str(self._unreadable(path, error))
        return f'{name}/ is a directory with {count} entries; use Glob "{name}/*".'

    def _unreadable(self, path: Path, error: OSError) -> ToolFailed:
        reason = (error.strerror or "input error").lower()
        return ToolFailed(f"Cannot read {self._shown(path)}: {reason}. Ask the user, or go on without it.")

    def _shown(self, path: Path) -> str:
        return printable(self._workspace.shown(path), 200)
