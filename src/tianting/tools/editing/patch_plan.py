"""What a patch makes of all its files, in memory: everything is matched here before anything is written."""

import errno
import os
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tianting.tools.contract import ToolFailed
from tianting.tools.editing.file_changes import FileChange
from tianting.tools.editing.matching import Rung
from tianting.tools.editing.patch_format import AddFile, DeleteFile, Section, UpdateFile
from tianting.tools.editing.patch_hunks import fit_hunks
from tianting.tools.editing.replacement import Region, composed, regions_of, replaced
from tianting.tools.editing.structured_patch import whole
from tianting.tools.editing.text_file import TextForm, encoded, read_text_file
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace

Kind = Literal["add", "update", "delete", "move"]


class PlannedFile(Struct, frozen=True, kw_only=True):
    """A file before and after the patch. No text stands for no file."""

    path: Path
    exists: bool
    """There is something at `path` now."""
    before: str | None
    after: str | None
    form: TextForm = TextForm()
    mode: int | None = None
    """Permission bits, which a moved file takes along."""
    regions: tuple[Region, ...] = ()
    rungs: tuple[Rung, ...] = ()
    moved_from: Path | None = None

    @property
    def kind(self) -> Kind | None:
        """What happens to it, if anything does."""
        if self.after is None:
            return "delete" if self.exists else None
        if self.moved_from is not None:
            return "move"
        if self.before is None:
            return "add"
        return "update" if self.before != self.after else None


class PatchPlan:
    """Files by path. Sections may name one file twice: each goes on from where the former left off."""

    def __init__(self, workspace: Workspace, ledger: ReadLedger) -> None:
        self._workspace = workspace
        self._ledger = ledger
        self._files: dict[Path, PlannedFile] = {}

    def take(self, section: Section) -> None:
        """Plan one section. Raises `ToolFailed`, and `FileNotFoundError` for a file that should be there."""
        path = self._workspace.resolve(section.path)
        match section:
            case AddFile(text=text):
                self._add(path, text)
            case DeleteFile():
                self._delete(path)
            case UpdateFile():
                self._update(path, section)

    def files(self) -> tuple[PlannedFile, ...]:
        """All files that something happens to, the places moved files leave included."""
        return tuple(file for file in self._files.values() if file.kind is not None)

    def changes(self) -> list[FileChange]:
        """What must be carried out. Raises `ToolFailed` for text that an encoding does not have."""
        return [self._change(file) for file in self.files()]

    def _change(self, file: PlannedFile) -> FileChange:
        if file.after is None:
            return FileChange(path=file.path, data=None)
        data = encoded(file.after, file.form, self._workspace.shown(file.path))
        return FileChange(path=file.path, data=data, mode=file.mode if file.moved_from else None)

    def _add(self, path: Path, text: str) -> None:
        file = self._file(path)
        if file.after and not (self._ledger.saw_whole(path) and self._ledger.freshness(path) == "fresh"):
            shown = self._workspace.shown(path)
            raise ToolFailed(f"{shown} exists already; use *** Update File: {shown}, or Read it before replacing it.")
        regions = whole(file.before, text) if file.before is not None else ()
        self._files[path] = replace(file, after=text, regions=regions)

    def _delete(self, path: Path) -> None:
        file = self._files.get(path) or _deletable(path, self._workspace.shown(path))
        if file.after is None:
            raise _missing(path)
        self._files[path] = replace(file, after=None)

    def _update(self, path: Path, section: UpdateFile) -> None:
        file = self._file(path)
        if file.after is None:
            raise _missing(path)
        fitted = fit_hunks(file.after, section.hunks, self._workspace.shown(path))
        updated = replace(
            file,
            after=replaced(file.after, fitted.replacements),
            regions=composed(file.regions, regions_of(fitted.replacements)),
            rungs=(*file.rungs, *fitted.rungs),
        )
        target = path if section.move_to is None else self._workspace.resolve(section.move_to)
        if target == path and updated.after == file.after:
            raise ToolFailed(f"The patch leaves {self._workspace.shown(path)} as it is; nothing was applied.")
        self._files[path] = updated
        if target != path:
            self._move(updated, target)

    def _move(self, file: PlannedFile, target: Path) -> None:
        there = self._file(target)
        if there.after is not None:
            shown = self._workspace.shown(target)
            raise ToolFailed(f"{shown} exists already; choose another target, or delete it earlier in the same patch.")
        self._files[file.path] = replace(file, after=None)
        source = file.moved_from or file.path
        self._files[target] = replace(file, path=target, exists=there.exists, moved_from=source)

    def _file(self, path: Path) -> PlannedFile:
        """As planned so far, or as it stands on the disk."""
        return self._files.get(path) or _on_disk(path, self._workspace.shown(path))


def _on_disk(path: Path, shown: str) -> PlannedFile:
    try:
        stored = read_text_file(path, shown)
    except FileNotFoundError:
        return PlannedFile(path=path, exists=False, before=None, after=None)
    text = stored.text
    return PlannedFile(path=path, exists=True, before=text, after=text, form=stored.form, mode=stored.mode)


def _deletable(path: Path, shown: str) -> PlannedFile:
    """What is no text may go as well; only directories are too much for a word."""
    if path.is_dir():
        raise ToolFailed(f"{shown} is a directory; a patch deletes files only. Use Bash: rmdir, or rm -r.")
    try:
        return _on_disk(path, shown)
    except ToolFailed:
        return PlannedFile(path=path, exists=True, before="", after="")


def _missing(path: Path) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
