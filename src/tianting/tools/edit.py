"""Edit: exchanges one string of a file for another, where it can tell the place for certain."""

from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.editing.answer import edit_answer
from tianting.tools.editing.file_editor import EditedFile, FileEditor, StringEdit
from tianting.tools.editing.structured_patch import Hunk, original_file, structured_patch
from tianting.tools.path_accesses import path_accesses
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace

_SPEC = ToolSpec(
    name="Edit",
    description=(
        "Replace text in a file that was read before. old_string must stand there exactly once, blanks and "
        "indentation included, so send enough lines to be unique; without the line numbers Read puts in front. "
        "Returns the changed lines. Prefer one edit that spans neighbouring changes to several; "
        "for a new file, or one that changes throughout, use Write."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "file_path": {"type": "string", "description": "Absolute, or relative to the root"},
            "old_string": {"type": "string", "description": "Text as the file has it"},
            "new_string": {"type": "string", "description": "Text to put there; empty deletes"},
            "replace_all": {
                "type": "boolean",
                "description": "Replace every occurrence, as for a rename. Default false",
            },
        },
        "required": ["file_path", "old_string", "new_string"],
        "additionalProperties": False,
    },
)


class EditParameters(Struct, frozen=True, kw_only=True):
    """What to exchange for what."""

    file_path: str
    old_string: str
    new_string: str
    replace_all: bool = False


class FileEditOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    """Edit's `tool_use_result`."""

    file_path: str
    old_string: str
    new_string: str
    original_file: str | None
    structured_patch: tuple[Hunk, ...]
    user_modified: bool = False
    """A person changed the edit before it was made; nothing here offers that."""
    replace_all: bool = False


class Edit:
    """The tool."""

    spec = _SPEC
    parameters = EditParameters

    def __init__(self, workspace: Workspace, ledger: ReadLedger) -> None:
        self._workspace = workspace
        self._editor = FileEditor(workspace, ledger)

    def accesses(self, parameters: EditParameters) -> tuple[Access, ...]:
        """The file, and the place a symlink leads to."""
        return path_accesses("edit", self._workspace.resolve(parameters.file_path))

    async def run(self, parameters: EditParameters) -> ToolOutput:
        """Edit the file. Raises `ToolFailed`; then it is untouched."""
        path = self._workspace.resolve(parameters.file_path)
        edit = StringEdit(
            old_string=parameters.old_string,
            new_string=parameters.new_string,
            replace_all=parameters.replace_all,
        )
        edited = await self._editor.edit(path, [edit])
        return ToolOutput(content=edit_answer(edited, self._workspace.shown(path)), data=_data(edited, edit))


def _data(edited: EditedFile, edit: StringEdit) -> FileEditOutput:
    return FileEditOutput(
        file_path=str(edited.path),
        old_string=edit.old_string,
        new_string=edit.new_string,
        original_file=original_file(edited.before),
        structured_patch=structured_patch(edited.before, edited.after, edited.regions),
        replace_all=edit.replace_all,
    )
