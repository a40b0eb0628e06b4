"""Finds conversations: all of them, the newest, or one by its id."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tianting.protocol.errors import SessionError
from tianting.protocol.ids import is_uuid
from tianting.session.places import project_directory
from tianting.session.summary import SessionSummary, summarise

_NEAR = 3
"""Sessions that an error names."""


def sessions(projects: Path, cwd: str | None = None, *, also: Sequence[Path] = ()) -> list[SessionSummary]:
    """All sessions of the project at `cwd`, or of every project, newest first.

    `also` names further directories of projects, as other agents keep them. Files that cannot be read, hold no
    prompt or belong to a sub-agent are left out.
    """
    found = (summarise(path) for path in _newest_first(_transcripts((projects, *also), cwd)))
    return [summary for summary in found if summary is not None]


def latest(projects: Path, cwd: str, *, also: Sequence[Path] = ()) -> Path | None:
    """The transcript of the project at `cwd` that was written last, if there is any."""
    paths = _newest_first(_transcripts((projects, *also), cwd))
    return next((path for path in paths if summarise(path) is not None), None)


def find(projects: Path, cwd: str, session_id: str, *, also: Sequence[Path] = ()) -> Path:
    """The transcript of `session_id`, in the project at `cwd` before all others.

    Raises `SessionError`, which names sessions that may be meant.
    """
    everywhere = (projects, *also)
    if is_uuid(session_id):
        name = f"{session_id.lower()}.jsonl"
        here = (project_directory(root, cwd) / name for root in everywhere)
        elsewhere = (path for root in everywhere for path in root.glob(f"*/{name}"))
        for path in (*here, *elsewhere):
            if path.is_file():
                return path
    raise SessionError(_not_found(session_id, sessions(projects, cwd, also=also)))


def _not_found(session_id: str, known: Sequence[SessionSummary]) -> str:
    alike = [summary for summary in known if summary.session_id.startswith(session_id[:4].lower())]
    named = ", ".join(f"{summary.session_id} ({summary.title})" for summary in (alike or known)[:_NEAR])
    there_are = f"This project has {named}." if named else "This project has none."
    return f"There is no session {session_id!r}. {there_are} `tianting sessions` lists them all."


def _transcripts(roots: Sequence[Path], cwd: str | None) -> Iterator[Path]:
    for root in roots:
        directories = root.glob("*") if cwd is None else [project_directory(root, cwd)]
        for directory in directories:
            yield from (path for path in directory.glob("*.jsonl") if is_uuid(path.stem))


def _newest_first(paths: Iterator[Path]) -> list[Path]:
    dated: list[tuple[int, Path]] = []
    for path in paths:
        try:
            dated.append((path.stat().st_mtime_ns, path))
        except OSError:  # it went away meanwhile
            continue
    return [path for _, path in sorted(dated, reverse=True)]
