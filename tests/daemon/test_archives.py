"""What was archived is there again, begins nothing by itself, and what is damaged or strange is not put back."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import structs

from tianting.daemon.archives import ArchiveError, make_archive, prune, read_archive, restore
from tianting.fleet.drivers.driver import Prompt
from tianting.fleet.store.store import open_store
from tianting.fleet.window import Window
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio

CLOCK = SystemClock()
WINDOW = Window(window_id="w", kind="codex", status="busy", conversation_id="thread-1", cwd="/w", process_id=7)
SESSION = Path("sessions", "2026", "11", "20", "rollout-2026-thread-1.jsonl")


async def archived(tmp_path: Path) -> Path:
    """A daemon's state with a window that works, and its archive."""
    state, codex, place = tmp_path / "state", tmp_path / "codex", tmp_path / "archives"
    for directory in (state, place, (codex / SESSION).parent):
        directory.mkdir(parents=True)
    (codex / SESSION).write_text("turns\n", encoding="utf-8")
    (codex / SESSION).with_name("rollout-2026-another.jsonl").write_text("no daemon's\n", encoding="utf-8")
    (state / "conversations.json").write_text("[]", encoding="utf-8")
    async with open_store(state / "fleet.db", CLOCK) as store:
        await store.record_move(WINDOW)
        await store.accept("w", Prompt(text="open", uuid="p"))
        return await make_archive(state, codex, place, CLOCK)


async def test_archive_is_put_back_at_rest(tmp_path: Path) -> None:
    path = await archived(tmp_path)

    restore(path, tmp_path / "new", tmp_path / "new-codex")

    async with open_store(tmp_path / "new" / "fleet.db", CLOCK) as store:
        [window] = await store.windows()
        pending = await store.pending("w")
    assert (window, pending) == (structs.replace(WINDOW, status="stopped", process_id=None, since=window.since), ())
    assert (tmp_path / "new-codex" / SESSION).read_text(encoding="utf-8") == "turns\n"
    assert [one.name for one in (tmp_path / "new-codex").rglob("*.jsonl")] == [SESSION.name]
    assert (path.stat().st_mode & 0o777, list(path.parent.iterdir())) == (0o600, [path])


async def test_session_that_has_grown_stays(tmp_path: Path) -> None:
    path = await archived(tmp_path)
    (tmp_path / "codex" / SESSION).write_text("turns\nand more\n", encoding="utf-8")

    restore(path, tmp_path / "state", tmp_path / "codex")

    assert (tmp_path / "codex" / SESSION).read_text(encoding="utf-8") == "turns\nand more\n"


@pytest.mark.parametrize("at", [pytest.param(0, id="head"), pytest.param(300, id="middle")])
async def test_damaged_archive_is_refused_whole(tmp_path: Path, at: int) -> None:
    path = await archived(tmp_path)
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)

    with pytest.raises(ArchiveError):
        restore(path, tmp_path / "new", tmp_path / "new-codex")

    assert not (tmp_path / "new").exists()


async def test_torn_archive_is_refused(tmp_path: Path) -> None:
    path = await archived(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(ArchiveError, match="is damaged"):
        read_archive(path)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        pytest.param({"codex/sessions/../../../evil.jsonl": b""}, "is not a daemon's", id="way out"),
        pytest.param({"/etc/passwd": b""}, "is not a daemon's", id="absolute"),
        pytest.param({"state/settings.json": b""}, "is not a daemon's", id="another file"),
    ],
)
def test_strange_file_is_refused(tmp_path: Path, files: Mapping[str, bytes], told: str) -> None:
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = json.dumps({"version": 1, "made_at": 0, "files": sums}).encode()

    with pytest.raises(ArchiveError, match=told):
        read_archive(packed(tmp_path / "a.tar.gz", {"manifest.json": manifest, **files}))


def test_another_version_is_refused(tmp_path: Path) -> None:
    manifest = b'{"version": 99, "made_at": 0, "files": {}}'

    with pytest.raises(ArchiveError, match="another version"):
        read_archive(packed(tmp_path / "a.tar.gz", {"manifest.json": manifest}))


def test_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("state/fleet.db")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    with pytest.raises(ArchiveError, match="is no plain file"):
        read_archive(tmp_path / "a.tar.gz")


async def test_nothing_to_archive_is_said(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="There is nothing to archive"):
        await make_archive(tmp_path / "state", tmp_path, tmp_path, CLOCK)

    assert list(tmp_path.iterdir()) == []


def test_newest_archives_are_kept(tmp_path: Path) -> None:
    for day in range(10, 20):
        (tmp_path / f"codex-daemon-202611{day}T000000Z.tar.gz").touch()
    (tmp_path / "mine.tar.gz").touch()

    prune(tmp_path, keep=2)

    kept = ["codex-daemon-20261118T000000Z.tar.gz", "codex-daemon-20261119T000000Z.tar.gz", "mine.tar.gz"]
    assert sorted(one.name for one in tmp_path.iterdir()) == kept


def packed(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path
