"""From old and new strings to a changed file, for Edit and MultiEdit: one engine, so that both have one behaviour.

look in the ledger -> read -> find each edit in the result of the one before -> write -> note in the ledger
"""

from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread
from msgspec import Struct

from tianting.tools.contract import ToolFailed
from tianting.tools.editing.failures import ambiguous, not_found
from tianting.tools.editing.file_changes import FileChange, carry_out
from tianting.tools.editing.matching import MAX_REPLACED, Found, Missing, Rung, Several, find
from tianting.tools.editing.off_loop import by_size
from tianting.tools.editing.replacement import Region, Replacement, composed, regions_of, replaced
from tianting.tools.editing.text_file import MAX_BYTES, StoredText, TextForm, encoded, read_text_file
from tianting.tools.read_ledger import Freshness, ReadLedger
from tianting.tools.reading.missing_path import missing_path
from tianting.tools.workspace import Workspace

_LIKE_EXACT: frozenset[Rung] = frozenset({"exact", "line ends"})
"""Read shows no line ends, so the model cannot have known better."""


class StringEdit(Struct, frozen=True, kw_only=True):
    """One exchange of strings."""

    old_string: str
    new_string: str
    replace_all: bool = False


class EditedFile(Struct, frozen=True, kw_only=True):
    """What became of a file."""

    path: Path
    before: str
    after: str
    regions: tuple[Region, ...]
    places: int
    rungs: tuple[Rung, ...]
    """How each edit was found."""
    stale: bool
    """It had changed on disk since the model read it."""


class _Draft(Struct, frozen=True, kw_only=True):
    """A file with some of its edits made, in memory."""

    text: str
    regions: tuple[Region, ...] = ()
    places: int = 0
    rungs: tuple[Rung, ...] = ()


class FileEditor:
    """Edits one file at a time, and keeps the ledger."""

    def __init__(self, workspace: Workspace, ledger: ReadLedger) -> None:
        self._workspace = workspace
        self._ledger = ledger

    async def edit(self, path: Path, edits: Sequence[StringEdit]) -> EditedFile:
        """Make all of `edits`, of which there is one at least. Raises `ToolFailed`; then `path` is untouched."""
        try:
            return await by_size(lambda: self._edit(path, edits), [path])
        except FileNotFoundError as error:
            raise await to_thread.run_sync(missing_path, self._workspace, path, "file") from error

    def _edit(self, path: Path, edits: Sequence[StringEdit]) -> EditedFile:
        shown = self._workspace.shown(path)
        freshness = self._ledger.freshness(path)
        stored = _stored(path, shown, creates=edits[0].old_string == "")
        if freshness == "unread" and stored.text:
            raise ToolFailed(f"Read {shown} before editing it.")
        draft = _drafted(stored.text, edits, shown, changed=freshness == "changed")
        change = FileChange(path=path, data=encoded(draft.text, stored.form, shown))
        [facts] = carry_out([change], self._workspace.shown)
        # After an edit the model knows as much of the file as before it.
        whole = not stored.text or (freshness == "fresh" and self._ledger.saw_whole(path))
        self._ledger.note(path, whole=whole, facts=facts)
        return _edited(path, stored, draft, freshness)


def _stored(path: Path, shown: str, *, creates: bool) -> StoredText:
    try:
        return read_text_file(path, shown)
    except FileNotFoundError:
        if creates:
            return StoredText(text="", form=TextForm(), mode=0)
        raise


def _drafted(text: str, edits: Sequence[StringEdit], shown: str, *, changed: bool) -> _Draft:
    draft = _Draft(text=text)
    for number, edit in enumerate(edits, start=1):
        try:
            draft = _with_edit(draft, edit, shown, changed=changed)
        except ToolFailed as failure:
            raise ToolFailed(_numbered(failure, number, len(edits))) from failure
    if draft.text == text:
        raise ToolFailed(f"This would leave {shown} as it is; send a new_string that differs.")
    return draft


def _with_edit(draft: _Draft, edit: StringEdit, shown: str, *, changed: bool) -> _Draft:
    found = _found(draft.text, edit, shown, changed=changed)
    _refuse_too_much(draft.text, found, shown)
    regions = regions_of(found.replacements)
    return _Draft(
        text=replaced(draft.text, found.replacements),
        regions=composed(draft.regions, regions),
        places=draft.places + len(regions),
        rungs=(*draft.rungs, found.rung),
    )


def _found(text: str, edit: StringEdit, shown: str, *, changed: bool) -> Found:
    if edit.old_string == edit.new_string:
        raise ToolFailed("old_string and new_string are equal; send the text as it should become.")
    if not edit.old_string:
        return _filled(text, edit, shown)
    match find(text, edit.old_string, edit.new_string, replace_all=edit.replace_all):
        case Found() as found if not changed or found.rung in _LIKE_EXACT:
            return found
        case Several() as several:
            raise ToolFailed(ambiguous(several.lines, shown))
        case Found() | Missing():
            raise ToolFailed(not_found(text, edit.old_string, shown, changed=changed))


def _refuse_too_much(text: str, found: Found, shown: str) -> None:
    """A short string replaced everywhere by a long one would fill the memory before it filled the disk."""
    if len(found.replacements) > MAX_REPLACED:
        raise ToolFailed(f"old_string occurs more than {MAX_REPLACED} times, the limit; use sed -i in Bash.")
    size = len(text) + sum(len(one.text) - (one.end - one.start) for one in found.replacements)
    if size > max(MAX_BYTES, len(text)):
        raise ToolFailed(f"{shown} would grow to {size // 1_000_000} MB; the limit is {MAX_BYTES // 1_000_000} MB.")


def _filled(text: str, edit: StringEdit, shown: str) -> Found:
    """An empty old string stands for the whole of an empty file."""
    if text:
        raise ToolFailed(
            f"old_string is empty and {shown} is not. Send the text to replace, or use Write for the whole file."
        )
    return Found(rung="exact", replacements=(Replacement(start=0, end=0, text=edit.new_string),))


def _numbered(failure: ToolFailed, number: int, count: int) -> str:
    return str(failure) if count == 1 else f"Edit {number} of {count} failed, none was applied: {failure}"


def _edited(path: Path, stored: StoredText, draft: _Draft, freshness: Freshness) -> EditedFile:
    return EditedFile(
        path=path,
        before=stored.text,
        after=draft.text,
        regions=draft.regions,
        places=draft.places,
        rungs=draft.rungs,
        stale=freshness == "changed",
    )
