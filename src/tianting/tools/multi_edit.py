"""MultiEdit: several edits of one file in one call, all or none."""

from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.editing.answer import edit_answer
from tianting.tools.editing.file_editor import EditedFile, FileEditor, StringEdit
from tianting.tools.editing.structured_patch import Hunk, original_file, structured_patch
from tianting.tools.path_accesses import path_accesses
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace

_SPEC = ToolSpec(
    name="MultiEdit",
    description=(
        "Make several edits of one file that was read before, all or none. Each works as in Edit, on the result "
        "of those before it. Returns the changed lines."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "file_path": {"type": "string", "description": "Absolute, or relative to the root"},
            "edits": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "old_string": {"type": "string", "description": "Text as the file has it, exactly once"},
                        "new_string": {"type": "string", "description": "Text to put there; empty deletes"},
                        "replace_all": {"type": "boolean", "description": "Replace every occurrence. Default false"},
                    },
                    "required": ["old_string", "new_string"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["file_path", "edits"],
        "additionalProperties": False,
    },
)


class MultiEditParameters(Struct, frozen=True, kw_only=True):
    """What to exchange for what, in order."""

    file_path: str
    edits: tuple[StringEdit, ...]


class MadeEdit(Struct, frozen=True, kw_only=True, rename="camel"):
    """One of the edits, as programs read it."""

    old_string: str
    new_string: str
    replace_all: bool


class MultiEditOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    """MultiEdit's `tool_use_result`."""

    file_path: str
    edits: tuple[MadeEdit, ...]
    original_file: str | None
    structured_patch: tuple[Hunk, ...]
    user_modified: bool = False


class MultiEdit:
    """The tool."""

    spec = _SPEC
    parameters = MultiEditParameters

    def __init__(self, workspace: Workspace, ledger: ReadLedger) -> None:
        self._workspace = workspace
        self._editor = FileEditor(workspace, ledger)

    def accesses(self, parameters: MultiEditParameters) -> tuple[Access, ...]:
        """The file, and the place a symlink leads to."""
        return path_accesses("edit", self._workspace.resolve(parameters.file_path))

    async def run(self, parameters: MultiEditParameters) -> ToolOutput:
        """Edit the file. Raises `ToolFailed`; then it is untouched."""
        if not parameters.edits:
            raise ToolFailed("edits is empty; send at least one pair of old_string and new_string.")
        path = self._workspace.resolve(parameters.file_path)
        edited = await self._editor.edit(path, parameters.edits)
        answer = edit_answer(edited, self._workspace.shown(path))
        return ToolOutput(content=answer, data=_data(edited, parameters.edits))


def _data(edited: EditedFile, edits: tuple[StringEdit, ...]) -> MultiEditOutput:
    return MultiEditOutput(
        file_path=str(edited.path),
        edits=tuple(
            MadeEdit(old_string=edit.old_string, new_string=edit.new_string, replace_all=edit.replace_all)
            for edit in edits
        ),
        original_file=original_file(edited.before),
        structured_patch=structured_patch(edited.before, edited.after, edited.regions),
    )
