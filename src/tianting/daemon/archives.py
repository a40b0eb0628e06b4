"""Conversations in one file that can be put back: without it a lost disk, or a mistake, would take all of them.

    snapshot of a live database → its windows at rest → book, database and sessions of Codex → checksums → one .tar.gz
    restore: every checksum first, then every file; nothing of an archive that is damaged gets out

What is put back begins nothing: windows are asleep, and questions that were open then are not asked again.
"""

import hashlib
import io
import logging
import os
import sqlite3
import tarfile
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath

import anyio
import anyio.to_thread
import msgspec
from msgspec import Struct, structs

from tianting.fleet.store.store import open_store
from tianting.fleet.window import OVER, moved
from tianting.plumbing.atomic_file import write_atomically
from tianting.plumbing.clock import Clock
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

VERSION = 1
WRITING = 2.0
"""Seconds in which Codex has written what it said."""
KEPT = 7
"""Archives made on a schedule; older ones are removed."""
_MANIFEST = "manifest.json"
_STATE = ("fleet.db", "conversations.json")
_BEGINNING = "codex-daemon-"


class ArchiveError(FleetError):
    """It is damaged, of another version, or no archive: nothing was put back."""


class Manifest(Struct, frozen=True, kw_only=True):
    """What an archive holds."""

    version: int
    made_at: float
    """Unix time."""
    files: dict[str, str]
    """Names, and the SHA-256 of each."""


async def make_archive(state: Path, codex: Path, into: Path, clock: Clock) -> Path:
    """Archive what the daemon keeps in `state`, also while it runs, and what Codex keeps in `codex` of the same.

    The directory `into` is private. Raises `FleetError`, `OSError`.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock.now()))
    scratch = into / f".{stamp}-{os.getpid()}"
    scratch.mkdir(mode=0o700)
    try:
        await anyio.to_thread.run_sync(_snapshot, state, scratch)
        threads = await _put_to_rest(scratch / "fleet.db", clock)
        await _until_written(codex, threads)
        files = await anyio.to_thread.run_sync(_collected, scratch, codex, threads)
        return await anyio.to_thread.run_sync(_write, into / f"{_BEGINNING}{stamp}.tar.gz", files, clock.now())
    finally:
        for path in scratch.iterdir():
            path.unlink()
        scratch.rmdir()


def read_archive(path: Path) -> dict[str, bytes]:
    """Every file of it. Raises `ArchiveError` unless each is what it was."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            found = {member.name: _content(archive, member) for member in archive}
        manifest = msgspec.json.decode(found.pop(_MANIFEST), type=Manifest)
    except (OSError, EOFError, tarfile.TarError, KeyError, msgspec.MsgspecError) as error:
        raise ArchiveError(f"{path} is no archive of a daemon, or is damaged: {error}.") from None
    if manifest.version != VERSION:
        raise ArchiveError(f"{path} was made by another version of the program ({manifest.version}).")
    if {name: _digest(data) for name, data in found.items()} != manifest.files:
        raise ArchiveError(f"{path} is damaged: its checksums are not those of its files.")
    for name in found:
        _check_name(name)
    return found


def restore(path: Path, state: Path, codex: Path) -> None:
    """Put everything back; no daemon may run meanwhile. Raises `ArchiveError`, `OSError`.

    A session that Codex has at least as much of stays as it is.
    """
    for name, data in read_archive(path).items():
        place, _, rest = name.partition("/")
        target = (state if place == "state" else codex) / rest
        if place == "codex" and target.exists() and target.stat().st_size >= len(data):
            continue
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(target, data, mode=0o600, durable=True)
    for beside in ("fleet.db-wal", "fleet.db-shm"):
        (state / beside).unlink(missing_ok=True)


def prune(place: Path, keep: int = KEPT) -> None:
    """Remove all but the newest archives."""
    for old in sorted(place.glob(f"{_BEGINNING}*.tar.gz"))[:-keep]:
        old.unlink()


def _snapshot(state: Path, scratch: Path) -> None:
    database, book = (state / name for name in _STATE)
    if not database.exists():
        raise FleetError(f"There is nothing to archive: no daemon has kept anything in {state}.")
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(scratch / "fleet.db")) as copy,
    ):
        live.backup(copy)
    (scratch / "fleet.db").chmod(0o600)
    write_atomically(scratch / "conversations.json", book.read_bytes() if book.exists() else b"[]", mode=0o600)


async def _put_to_rest(database: Path, clock: Clock) -> list[str]:
    """So that nothing begins when it is put back. Gives back the names of the conversations in it."""
    async with open_store(database, clock) as store:
        windows = await store.windows()
        for window in windows:
            for open_one in await store.pending(window.window_id):
                await store.answered(open_one.prompt.uuid)
            if window.status not in OVER:
                ending = moved(window, "stopping", clock.now(), "archived") if window.status != "stopping" else window
                await store.record_move(structs.replace(moved(ending, "stopped", clock.now()), process_id=None))
    return [window.conversation_id for window in windows if window.conversation_id]


async def _until_written(codex: Path, threads: Iterable[str]) -> None:
    """Codex writes a session a moment after its first answer; one without any has none to write."""
    missing = set(threads)
    with anyio.move_on_after(WRITING):
        while missing := {thread for thread in missing if not any(_sessions(codex, thread))}:
            await anyio.sleep(0.05)
    if missing:
        log.info("no session is archived of %s", ", ".join(sorted(missing)))


def _sessions(codex: Path, thread: str) -> Iterable[Path]:
    return codex.glob(f"sessions/**/rollout-*-{thread}.jsonl")


def _collected(scratch: Path, codex: Path, threads: Iterable[str]) -> dict[str, bytes]:
    files = {f"state/{name}": (scratch / name).read_bytes() for name in _STATE}
    for thread in threads:
        for path in _sessions(codex, thread):
            files[f"codex/{path.relative_to(codex).as_posix()}"] = path.read_bytes()
    return files


def _write(path: Path, files: Mapping[str, bytes], made_at: float) -> Path:
    manifest = Manifest(version=VERSION, made_at=made_at, files={name: _digest(data) for name, data in files.items()})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in {_MANIFEST: msgspec.json.encode(manifest), **files}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(data), 0o600, int(made_at)
            archive.addfile(member, io.BytesIO(data))
    write_atomically(path, packed.getvalue(), mode=0o600, durable=True)
    return path


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isreg() else None
    if file is None:
        raise tarfile.TarError(f"{member.name} is no plain file")
    return file.read()


def _check_name(name: str) -> None:
    """An archive may come from anywhere: it puts nothing where we would not have."""
    path = PurePosixPath(name)
    is_session = name.startswith("codex/sessions/") and path.suffix == ".jsonl" and ".." not in path.parts
    if not is_session and name not in {f"state/{one}" for one in _STATE}:
        raise ArchiveError(f"The archive holds {name!r}, which is not a daemon's.")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
