"""apply_patch: changes several files by one patch, all or none, in the form that GPT models were trained on.

parse -> match every hunk of every file in memory -> write all files, or put back those written
"""

from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread
from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.editing.file_changes import carry_out
from tianting.tools.editing.off_loop import by_size
from tianting.tools.editing.patch_answer import patch_answer, patch_output, patched_files
from tianting.tools.editing.patch_format import GRAMMAR, Section, UpdateFile, parse_patch
from tianting.tools.editing.patch_plan import PatchPlan, PlannedFile
from tianting.tools.path_accesses import path_accesses
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.reading.missing_path import missing_path
from tianting.tools.workspace import Workspace

_SPEC = ToolSpec(
    name="apply_patch",
    description=(
        "Add, change, move and delete files by one patch; all of it is applied or nothing. Reading a file before is "
        "not required, but context must match it.\n"
        "*** Begin Patch\n"
        "*** Update File: src/job.py\n"
        "*** Move to: src/task.py\n"
        "@@ class Job:\n"
        "@@     def run(self):\n"
        "         start()\n"
        "-        wait(1)\n"
        "+        wait(2)\n"
        "         stop()\n"
        "*** Add File: docs/new.md\n"
        "+# Title\n"
        "*** Delete File: old.txt\n"
        "*** End Patch\n"
        "Move to is optional. Lines of a hunk begin with a space (stays), - (goes) or + (comes). Give 3 lines of "
        "context before and after a change; where these stand more than once, put @@ lines above that name the "
        "enclosing class or function. Hunks follow the order of the file. *** End of File after a hunk ties it to "
        "the end. Returns the files with lines added and removed."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "patch": {
                "type": "string",
                "description": "From *** Begin Patch to *** End Patch; paths relative to the root",
            },
        },
        "required": ["patch"],
        "additionalProperties": False,
    },
    grammar=GRAMMAR,
)


class ApplyPatchParameters(Struct, frozen=True, kw_only=True):
    """The patch."""

    patch: str


class ApplyPatch:
    """The tool."""

    spec = _SPEC
    parameters = ApplyPatchParameters

    def __init__(self, workspace: Workspace, ledger: ReadLedger) -> None:
        self._workspace = workspace
        self._ledger = ledger

    def accesses(self, parameters: ApplyPatchParameters) -> tuple[Access, ...]:
        """All files the patch names. A patch that cannot be read touches none: `run` will refuse it."""
        try:
            return path_accesses("edit", *self._paths(parse_patch(parameters.patch)))
        except ToolFailed:
            return ()

    async def run(self, parameters: ApplyPatchParameters) -> ToolOutput:
        """Apply the patch. Raises `ToolFailed`; then all files are as they were."""
        sections = parse_patch(parameters.patch)
        try:
            return await by_size(lambda: self._apply(sections), self._paths(sections), len(parameters.patch))
        except FileNotFoundError as error:
            raise await to_thread.run_sync(missing_path, self._workspace, Path(error.filename), "file") from error

    def _paths(self, sections: Sequence[Section]) -> list[Path]:
        names = [section.path for section in sections]
        names += [section.move_to for section in sections if isinstance(section, UpdateFile) and section.move_to]
        return [self._workspace.resolve(name) for name in names]

    def _apply(self, sections: Sequence[Section]) -> ToolOutput:
        plan = PatchPlan(self._workspace, self._ledger)
        for section in sections:
            plan.take(section)
        files = plan.files()
        known = {file.path for file in files if self._knows(file)}
        for file, facts in zip(files, carry_out(plan.changes(), self._workspace.shown), strict=True):
            if facts is not None:
                self._ledger.note(file.path, whole=file.path in known, facts=facts)
        patched = patched_files(files)
        return ToolOutput(content=patch_answer(patched, self._workspace.shown), data=patch_output(patched))

    def _knows(self, file: PlannedFile) -> bool:
        """Whether the model will know all of `file`: it has written it, or had read it."""
        origin = file.moved_from or file.path
        return file.before is None or (self._ledger.saw_whole(origin) and self._ledger.freshness(origin) == "fresh")
