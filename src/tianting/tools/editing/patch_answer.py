"""What is said of a patch that was applied: a line a file for the model, hunks for programs."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from tianting.tools.editing.answer import RUNG_NOTES
from tianting.tools.editing.lined_text import line_count
from tianting.tools.editing.patch_plan import Kind, PlannedFile
from tianting.tools.editing.structured_patch import (
    Hunk,
    added_and_removed,
    original_file,
    structured_patch,
    whole_patch,
)
from tianting.tools.editing.syntax_check import new_problem

_LETTERS: dict[Kind, str] = {"add": "A", "update": "M", "delete": "D", "move": "R"}


class PatchedFile(Struct, frozen=True, kw_only=True, rename="camel"):
    """One file, as programs read it."""

    type: Kind
    file_path: str
    """Where it is now, or was."""
    moved_from: str | None
    original_file: str | None
    structured_patch: tuple[Hunk, ...]


class ApplyPatchOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    """apply_patch's `tool_use_result`."""

    files: tuple[PatchedFile, ...]


class Patched(Struct, frozen=True, kw_only=True):
    """A file with what happened to it."""

    kind: Kind
    file: PlannedFile
    hunks: tuple[Hunk, ...]
    added: int
    """Lines."""
    removed: int


def patched_files(files: Sequence[PlannedFile]) -> tuple[Patched, ...]:
    """What to report: a moved file once, at its new place."""
    sources = {file.moved_from for file in files}
    return tuple(
        _patched(file, file.kind)
        for file in files
        if file.kind is not None and not (file.kind == "delete" and file.path in sources)
    )


def _patched(file: PlannedFile, kind: Kind) -> Patched:
    before, after = file.before or "", file.after or ""
    if kind in {"update", "move"}:
        hunks = structured_patch(before, after, file.regions)
        added, removed = added_and_removed(hunks)
    else:
        hunks = whole_patch(before, after)
        added, removed = line_count(after), line_count(before)
    return Patched(kind=kind, file=file, hunks=hunks, added=added, removed=removed)


def patch_answer(patched: Sequence[Patched], shown: Callable[[Path], str]) -> str:
    """`Patched: M src/a.py (+3 -1).` and what the model should know of each file."""
    parts = [f"Patched: {', '.join(_summary(one, shown) for one in patched)}."]
    for one in patched:
        parts += _notes(one.file, shown(one.file.path))
    return "\n".join(parts)


def _summary(patched: Patched, shown: Callable[[Path], str]) -> str:
    name = shown(patched.file.path)
    if patched.file.moved_from is not None:
        name = f"{shown(patched.file.moved_from)} -> {name}"
    counts = (("+", patched.added), ("-", patched.removed))
    counted = " ".join(f"{sign}{count}" for sign, count in counts if count)
    return f"{_LETTERS[patched.kind]} {name}" + (f" ({counted})" if counted else "")


def _notes(file: PlannedFile, shown: str) -> Iterable[str]:
    for number, rung in enumerate(file.rungs, start=1):
        if rung in RUNG_NOTES:
            yield f"Hunk {number} of {shown} fits although {RUNG_NOTES[rung]}."
    if file.after and (problem := new_problem(file.path, file.before or "", file.after)):
        yield f"New problem in {shown}: {problem}"


def patch_output(patched: Sequence[Patched]) -> ApplyPatchOutput:
    """The same for programs."""
    return ApplyPatchOutput(files=tuple(_described(one) for one in patched))


def _described(patched: Patched) -> PatchedFile:
    file = patched.file
    return PatchedFile(
        type=patched.kind,
        file_path=str(file.path),
        moved_from=None if file.moved_from is None else str(file.moved_from),
        original_file=None if file.before is None else original_file(file.before),
        structured_patch=patched.hunks,
    )
