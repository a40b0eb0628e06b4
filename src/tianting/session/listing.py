"""Finds conversations: all of them, the newest, or one by its id."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import structs

from tianting.protocol.errors import SessionError
from tianting.protocol.ids import is_uuid
from tianting.session.places import project_directory
from tianting.session.summary import SessionSummary, summarise

_NEAR = 3
"""Sessions that an error names."""


def sessions(projects: Path, cwd: str | None = None, *, also: Sequence[Path] = ()) -> list[SessionSummary]:
    """All sessions of the project at `cwd`, or of every project, newest first.

    `also` names further directories of projects, as other agents keep them; a session that is in `projects`, too, is
    listed from there alone. Files that cannot be read, hold no prompt or belong to a sub-agent are left out.
    """
    found = (_summary(path, projects) for path in _newest_first(_transcripts((projects, *also), cwd)))
    return [summary for summary in found if summary is not None]


def latest(projects: Path, cwd: str, *, also: Sequence[Path] = ()) -> Path | None:
    """The transcript of the project at `cwd` that was written last, if there is any."""
    paths = _newest_first(_transcripts((projects, *also), cwd))
    return next((path for path in paths if summarise(path) is not None), None)


def find(projects: Path, cwd: str, session_id: str, *, also: Sequence[Path] = ()) -> Path:
    """The transcript of `session_id`: in `projects` before `also`, and in the project at `cwd` before all others.

    Raises `SessionError`, which names sessions that may be meant.
    """
    if is_uuid(session_id):
        name = f"{session_id.lower()}.jsonl"
        for root in (projects, *also):
            for path in (project_directory(root, cwd) / name, *root.glob(f"*/{name}")):
                if path.is_file():
                    return path
    raise SessionError(_not_found(session_id, sessions(projects, cwd, also=also)))


def _summary(path: Path, projects: Path) -> SessionSummary | None:
    summary = summarise(path)
    return summary and structs.replace(summary, is_ours=path.is_relative_to(projects))


def _not_found(session_id: str, known: Sequence[SessionSummary]) -> str:
    alike = [summary for summary in known if summary.session_id.startswith(session_id[:4].lower())]
    named = ", ".join(f"{summary.session_id} ({summary.title})" for summary in (alike or known)[:_NEAR])
    there_are = f"This project has {named}." if named else "This project has none."
    return f"There is no session {session_id!r}. {there_are} `tianting sessions` lists them all."


def _transcripts(roots: Sequence[Path], cwd: str | None) -> Iterator[Path]:
    """Each session once, from the first of `roots` that has it."""
    seen = set[str]()
    for root in roots:
        directories = root.glob("*") if cwd is None else [project_directory(root, cwd)]
        here = [path for directory in directories for path in directory.glob("*.jsonl") if is_uuid(path.stem)]
        yield from (path for path in here if path.stem not in seen)
        seen.update(path.stem for path in here)


def _newest_first(paths: Iterator[Path]) -> list[Path]:
    dated: list[tuple[int, Path]] = []
    for path in paths:
        try:
            dated.append((path.stat().st_mtime_ns, path))
        except OSError:  # it went away meanwhile
            continue
    return [path for _, path in sorted(dated, reverse=True)]
