"""Write: puts a whole file in place, and never over something the model has not seen."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.editing.file_changes import FileChange, carry_out
from tianting.tools.editing.lined_text import line_count, with_line_ends
from tianting.tools.editing.off_loop import by_size
from tianting.tools.editing.structured_patch import Hunk, original_file, whole_patch
from tianting.tools.editing.syntax_check import new_problem
from tianting.tools.editing.text_file import StoredText, TextForm, encoded, read_text_file
from tianting.tools.path_accesses import path_accesses
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace

_SPEC = ToolSpec(
    name="Write",
    description=(
        "Write a whole file, with its directories. One that exists must have been read in full before; "
        "to change a part of it use Edit."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "file_path": {"type": "string", "description": "Absolute, or relative to the root"},
            "content": {"type": "string", "description": "All of the file"},
        },
        "required": ["file_path", "content"],
        "additionalProperties": False,
    },
)


class WriteParameters(Struct, frozen=True, kw_only=True):
    """What to write where."""

    file_path: str
    content: str


class FileWriteOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    """Write's `tool_use_result`."""

    type: Literal["create", "update"]
    file_path: str
    content: str
    structured_patch: tuple[Hunk, ...]
    original_file: str | None


class Write:
    """The tool."""

    spec = _SPEC
    parameters = WriteParameters

    def __init__(self, workspace: Workspace, ledger: ReadLedger) -> None:
        self._workspace = workspace
        self._ledger = ledger

    def accesses(self, parameters: WriteParameters) -> tuple[Access, ...]:
        """The file, and the place a symlink leads to."""
        return path_accesses("edit", self._workspace.resolve(parameters.file_path))

    async def run(self, parameters: WriteParameters) -> ToolOutput:
        """Write the file. Raises `ToolFailed`; then what stood there is untouched."""
        path = self._workspace.resolve(parameters.file_path)
        return await by_size(lambda: self._write(path, parameters.content), [path], len(parameters.content))

    def _write(self, path: Path, content: str) -> ToolOutput:
        shown = self._workspace.shown(path)
        before = self._replaceable(path, shown)
        form = TextForm() if before is None else before.form
        content = content if before is None else _with_line_ends_of(before.text, content)
        [facts] = carry_out([FileChange(path=path, data=encoded(content, form, shown))], self._workspace.shown)
        self._ledger.note(path, whole=True, facts=facts)
        text = None if before is None else before.text
        return ToolOutput(content=_answer(path, shown, text, content), data=_data(path, text, content))

    def _replaceable(self, path: Path, shown: str) -> StoredText | None:
        """What stands at `path`, if it may be written over; None where there is nothing yet."""
        try:
            stored = read_text_file(path, shown)
        except FileNotFoundError:
            return None
        if stored.text:
            self._refuse_unseen(path, shown)
        return stored

    def _refuse_unseen(self, path: Path, shown: str) -> None:
        match self._ledger.freshness(path):
            case "unread":
                raise ToolFailed(f"{shown} exists and was not read; Read it, or use Edit for a part.")
            case "changed":
                raise ToolFailed(f"{shown} changed on disk since you read it; Read it again, or use Edit for a part.")
            case "fresh" if not self._ledger.saw_whole(path):
                raise ToolFailed(
                    f"Only a part of {shown} was read; Read it without offset and limit, or use Edit for a part."
                )
            case "fresh":
                return


def _with_line_ends_of(before: str, content: str) -> str:
    """Keep the line ends of a file that has only CRLF: Read shows the model none of them."""
    crlf = before.count("\r\n")
    return with_line_ends(content, "\r\n") if crlf and crlf == before.count("\n") else content


def _answer(path: Path, shown: str, before: str | None, after: str) -> str:
    answer = f"Created {shown}, {_lines(after)}."
    if before is not None:
        answer = f"Replaced {shown}: {_lines(after)}, was {line_count(before)}."
    problem = new_problem(path, before or "", after)
    return f"{answer}\nNew problem from this edit: {problem}" if problem else answer


def _data(path: Path, before: str | None, after: str) -> FileWriteOutput:
    return FileWriteOutput(
        type="create" if before is None else "update",
        file_path=str(path),
        content=after,
        structured_patch=() if before is None else whole_patch(before, after),
        original_file=None if before is None else original_file(before),
    )


def _lines(text: str) -> str:
    count = line_count(text)
    return f"{count} line{'s' * (count != 1)}"
