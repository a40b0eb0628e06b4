"""What the store has acknowledged is there, whatever happens to the program, the disk or the file."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import structs

from tianting.fleet.drivers.driver import Launch, LineRead, PersonAsked, Progressed, Prompt, TurnBegan, TurnDone
from tianting.fleet.intake import Mark
from tianting.fleet.store.records import (
    Deed,
    Generation,
    Heartbeat,
    Page,
    PendingPrompt,
    Retention,
    Snapshot,
    StoredEvent,
    StoreError,
    WindowMoved,
)
from tianting.fleet.store.repair import open_sound
from tianting.fleet.store.store import Store, open_store
from tianting.fleet.store.writer import Writer, explained
from tianting.fleet.window import Window, moved

pytestmark = pytest.mark.anyio

WINDOW = Window(window_id="w1", kind="echo", owner="ada", cwd="/work")


class StillClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet" / "store.db"


@pytest.fixture
async def store(path: Path, clock: StillClock) -> AsyncGenerator[Store, None]:
    with anyio.fail_after(10):
        async with open_store(path, clock) as opened:
            yield opened


async def test_what_a_window_went_through_can_be_followed_from_any_point(store: Store, clock: StillClock) -> None:
    ready = structs.replace(WINDOW, status="ready", process_id=7, process_started=1.5)
    asked = PersonAsked(question_id="q", kind="approval", tool="Bash", input={"big": 10**30, "text": "é\0"})

    assert await store.record_move(ready) == 1
    clock.time = 1_001.0
    assert await store.append("w1", 1, [TurnBegan(), asked, LineRead(line=b"\xff{}\n")]) == range(2, 5)
    assert await store.record_move(moved(ready, "busy", 1_001.0, "prompt")) == 5

    assert await store.events("w1", after=2, limit=2) == Page(
        events=(
            StoredEvent(sequence=3, generation=1, at=1_001.0, event=asked),
            StoredEvent(sequence=4, generation=1, at=1_001.0, event=LineRead(line=b"\xff{}\n")),
        ),
        complete_after=0,
        last=5,
    )
    assert (await store.events("w1", after=4)).events == (
        StoredEvent(sequence=5, generation=1, at=1_001.0, event=WindowMoved(status="busy", reason="prompt")),
    )
    assert await store.snapshot("w1") == Snapshot(window=moved(ready, "busy", 1_001.0, "prompt"), sequence=5)
    assert await store.windows() == (moved(ready, "busy", 1_001.0, "prompt"),)


async def test_a_window_that_nobody_recorded_has_no_log(store: Store) -> None:
    with pytest.raises(StoreError, match="no window 'w9'"):
        await store.append("w9", 1, [TurnBegan()])

    assert await store.events("w9") == Page(events=(), complete_after=0, last=0)
    assert await store.snapshot("w9") is None
    assert await store.mark("w9", 1) is None


async def test_an_accepted_prompt_waits_until_it_is_answered(store: Store, clock: StillClock) -> None:
    await store.record_move(WINDOW)
    first, second, third = (Prompt(text=text, uuid=text) for text in ("first", "second", "third"))

    assert [await store.accept("w1", prompt) for prompt in (first, second, third, first)] == [True, True, True, False]
    await store.delivered("first", 1)
    await store.append("w1", 2, [TurnDone(text="done")], delivered=["second"], answered=["first"])
    await store.answered("third")

    assert await store.pending("w1") == (PendingPrompt(prompt=second, accepted_at=clock.time, delivered_to=2),)
    assert not await store.accept("w1", first), "an answered prompt is not answered twice"


async def test_a_mark_is_stored_with_what_was_read(store: Store) -> None:
    await store.record_move(WINDOW)
    await store.append("w1", 1, [TurnBegan()], mark=Mark(number=1, length=4))
    await store.append("w1", 1, [], mark=Mark(number=2, length=2, part=b"\xff{"))

    with pytest.raises(StoreError):
        await store.append("w9", 1, [TurnBegan()], mark=Mark(number=3))

    kept = [await store.mark("w1", 1), await store.mark("w1", 2), await store.mark("w9", 1)]
    assert kept == [Mark(number=2, length=2, part=b"\xff{"), None, None]


async def test_each_process_of_a_window_is_remembered_without_the_values_of_its_environment(
    store: Store, path: Path
) -> None:
    launch = Launch(argv=("agent", "-p"), environment={"KEY": "planted", "HOME": "/h"}, cwd="/work")
    window = structs.replace(WINDOW, status="starting")

    await store.launched(window, launch)
    await store.record_move(structs.replace(window, process_id=7, process_started=1.5))
    await store.ended("w1", 1, "signal")

    assert await store.generations("w1") == (
        Generation(
            window_id="w1",
            generation=1,
            process_id=7,
            process_started=1.5,
            argv=("agent", "-p"),
            cwd="/work",
            variables=("HOME", "KEY"),
            launched_at=1_000.0,
            ended_at=1_000.0,
            failure="signal",
        ),
    )
    assert b"planted" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


async def test_of_old_processes_only_the_latest_are_remembered(store: Store) -> None:
    launch = Launch(argv=("agent",), environment={}, cwd="/work")
    await store.record_move(WINDOW)
    for generation in (1, 2, 5, 6, 105):
        await store.launched(structs.replace(WINDOW, generation=generation), launch)
    for generation in (1, 2, 3, 4):
        await store.append("w1", generation, [], mark=Mark(number=generation))

    assert [kept.generation for kept in await store.generations("w1")] == [6, 105]
    marks = [await store.mark("w1", generation) for generation in (1, 2, 3, 4)]
    assert marks == [None, Mark(number=2), Mark(number=3), Mark(number=4)]


async def test_heartbeats_and_deeds_are_kept_newest_first(store: Store) -> None:
    beats = [Heartbeat(window_id="w1", generation=1, at=at, took=0.001) for at in (1.0, 2.0, 3.0)]
    await store.heartbeat(beats)
    await store.audit("ada", "create_window", window_id="w1", detail="echo")
    await store.audit("ada", "reload")

    assert await store.heartbeats("w1", limit=2) == (beats[2], beats[1])
    assert await store.audited() == (
        Deed(at=1_000.0, actor="ada", action="reload"),
        Deed(at=1_000.0, actor="ada", action="create_window", window_id="w1", detail="echo"),
    )


async def test_a_forgotten_window_leaves_only_the_audit(store: Store) -> None:
    await store.record_move(WINDOW)
    await store.append("w1", 1, [TurnBegan()], mark=Mark(number=1))
    await store.accept("w1", Prompt(text="a", uuid="a"))
    await store.audit("ada", "destroy_window", window_id="w1")

    await store.forget("w1")

    assert (await store.windows(), await store.pending("w1"), await store.mark("w1", 1)) == ((), (), None)
    assert [deed.action for deed in await store.audited()] == ["destroy_window"]


async def test_a_page_of_long_lines_is_short(store: Store) -> None:
    await store.record_move(WINDOW)
    await store.append("w1", 1, [LineRead(line=b"x" * 5_000_000)] * 4)

    assert [stored.sequence for stored in (await store.events("w1")).events] == [1, 2, 3]
    assert [stored.sequence for stored in (await store.events("w1", after=3)).events] == [4, 5]


async def test_a_closed_store_refuses_instead_of_waiting(path: Path, clock: StillClock) -> None:
    async with open_store(path, clock) as store:
        pass

    with anyio.fail_after(5), pytest.raises(StoreError, match="store is closed"):
        await store.record_move(WINDOW)


async def test_a_log_is_cut_by_number_and_says_so(path: Path, clock: StillClock) -> None:
    async with open_store(path, clock, Retention(events=100)) as store:
        await store.record_move(WINDOW)
        for _ in range(6):
            await store.append("w1", 1, [Progressed(text="a")] * 100)

        page = await store.events("w1", limit=1_000)

    assert (page.complete_after, page.last) == (501, 601)
    assert [stored.sequence for stored in page.events] == list(range(502, 602))


async def test_old_things_go_by_their_age_and_numbers_go_on(path: Path, clock: StillClock) -> None:
    async with open_store(path, clock) as store:
        await store.record_move(WINDOW)
        await store.accept("w1", Prompt(text="open", uuid="open"))
        await store.accept("w1", Prompt(text="done", uuid="done"))
        await store.answered("done")
        await store.heartbeat([Heartbeat(window_id="w1", generation=1, at=clock.time, took=0.1)])
        clock.time += 400 * 86_400.0

        await store.audit("ada", "look")

        assert await store.events("w1") == Page(events=(), complete_after=1, last=1)
        assert [pending.prompt.text for pending in await store.pending("w1")] == ["open"]
        assert await store.heartbeats("w1") == ()
        assert await store.accept("w1", Prompt(text="done", uuid="done"))
        assert await store.append("w1", 1, [TurnBegan()]) == range(2, 3)


async def test_many_writers_at_once_are_all_served(store: Store) -> None:
    for number in range(20):
        await store.record_move(structs.replace(WINDOW, window_id=f"w{number}"))

    async def write(window_id: str) -> None:
        for _ in range(50):
            await store.append(window_id, 1, [TurnBegan()])

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(write, f"w{number}")

    assert [(await store.events(f"w{number}")).last for number in range(20)] == [51] * 20


async def test_one_impossible_write_does_not_spoil_its_neighbours(store: Store) -> None:
    await store.record_move(WINDOW)
    outcomes: list[Any] = []

    async def write(window_id: str) -> None:
        try:
            outcomes.append(len(await store.append(window_id, 1, [TurnBegan()])))
        except StoreError:
            outcomes.append("refused")

    async with anyio.create_task_group() as tasks:
        for window_id in ("w1", "w9", "w1", "w9", "w1"):
            tasks.start_soon(write, window_id)

    assert sorted(map(str, outcomes)) == ["1", "1", "1", "refused", "refused"]
    assert (await store.events("w1")).last == 4


async def test_a_second_fleet_is_refused_and_told_who_holds_the_store(
    store: Store, path: Path, clock: StillClock
) -> None:
    with pytest.raises(StoreError, match=rf"store.db is in use by process {os.getpid()} since 1970-01-01T00:16:40"):
        async with open_store(path, clock):
            pass


async def test_a_lock_that_says_nothing_yet_still_holds(store: Store, path: Path, clock: StillClock) -> None:
    path.with_name("store.db.lock").write_text("")

    with pytest.raises(StoreError, match="in use by another process"):
        async with open_store(path, clock):
            pass


HOLDER = """
import anyio, sys
from pathlib import Path
from tianting.fleet.intake import Mark
from tianting.fleet.store.store import open_store
from tianting.fleet.drivers.driver import Prompt
from tianting.fleet.window import Window
from tianting.plumbing.clock import SystemClock
async def main():
    async with open_store(Path(sys.argv[1]), SystemClock()) as store:
        await store.record_move(Window(window_id="w1", kind="echo"))
        for number in range(100_000):
            await store.accept("w1", Prompt(text="p", uuid=str(number)))
            print(number, flush=True)
anyio.run(main)
"""


@pytest.mark.parametrize("after", [1, 7, 40])
async def test_a_killed_fleet_leaves_its_lock_and_every_prompt_it_acknowledged(
    after: int, path: Path, clock: StillClock
) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder, contextlib.closing(holder.stdout):
        for line in holder.stdout:
            if int(line) == after:
                break
        holder.send_signal(signal.SIGKILL)
        acknowledged = [str(number) for number in range(after + 1)] + [line.strip() for line in holder.stdout]

    async with open_store(path, clock) as store:
        kept = [pending.prompt.uuid for pending in await store.pending("w1")]

    whole = [uuid for uuid in acknowledged if uuid]
    assert kept[: len(whole)] == whole


async def test_what_was_stored_is_there_in_the_next_life(path: Path, clock: StillClock) -> None:
    async with open_store(path, clock) as store:
        await store.record_move(WINDOW)
    async with open_store(path, clock) as store:
        assert await store.windows() == (WINDOW,)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_torn_page_costs_what_stood_on_it_and_no_more(
    path: Path, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store(path, clock) as store:
        for number in range(50):
            await store.record_move(structs.replace(WINDOW, window_id=f"w{number:02}"))
            await store.append(f"w{number:02}", 1, [Progressed(text="x" * 1_000)] * 20)
    _tear_events(path)

    async with open_store(path, clock) as store:
        windows = await store.windows()
        events = [len((await store.events(window.window_id)).events) for window in windows]
        assert await store.append("w07", 1, [TurnBegan()]) == range(22, 23), "no number is given twice"

    assert len(windows) == 50
    assert (events[0], events[-1]) == (21, 21), "what stands before the page and behind it is kept"
    assert sum(events) < 21 * 50
    [said] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "was damaged" in said
    assert "the old file is" in said
    assert len(list(path.parent.glob("store.db.damaged-*"))) >= 1


async def test_a_file_that_is_no_database_is_moved_aside(path: Path, clock: StillClock) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 1_000)

    async with open_store(path, clock) as store:
        assert await store.windows() == ()
        await store.record_move(WINDOW)

    assert path.with_name("store.db.damaged-1000").read_bytes().startswith(b"not a database")


async def test_a_store_of_the_future_is_left_alone(path: Path, clock: StillClock) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(StoreError, match="later version"):
        async with open_store(path, clock):
            pass


async def test_a_place_that_cannot_hold_a_lock_is_named(tmp_path: Path, clock: StillClock) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match=r"lock .* cannot be opened"):
        async with open_store(tmp_path / "file" / "store.db", clock):
            pass


async def test_a_file_that_is_lost_while_it_is_open_is_said(store: Store, path: Path) -> None:
    await store.record_move(WINDOW)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE windows")
        database.commit()

    with pytest.raises(StoreError, match="cannot be written: no such table"):
        await store.record_move(WINDOW)
    with pytest.raises(StoreError, match="no such table"):
        await store.windows()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        pytest.param(sqlite3.SQLITE_FULL, "disk of the store is full", id="full"),
        pytest.param(sqlite3.SQLITE_CORRUPT | 1 << 8, "is damaged .oh.: start the fleet again", id="damaged"),
        pytest.param(sqlite3.SQLITE_READONLY, "cannot be written: oh", id="anything else"),
    ],
)
def test_what_the_disk_says_is_said_to_people(code: int, text: str) -> None:
    error = sqlite3.OperationalError("oh")
    error.sqlite_errorcode = code

    with pytest.raises(StoreError, match=text):
        raise explained(error)


def test_a_writer_whose_event_loop_was_torn_down_ends(path: Path, clock: StillClock) -> None:
    async def begin() -> Writer:
        path.parent.mkdir()
        return Writer(open_sound(path, clock.now()))

    async def again(writer: Writer) -> None:
        with anyio.move_on_after(0.2):
            await writer.do(lambda database: None)
        with anyio.fail_after(5):
            await writer.close()

    writer = anyio.run(begin)
    anyio.run(again, writer)


async def test_a_place_that_cannot_hold_a_store_is_named(tmp_path: Path, clock: StillClock) -> None:
    (tmp_path / "store.db").mkdir()

    with pytest.raises(StoreError, match="cannot be opened"):
        async with open_store(tmp_path / "store.db", clock):
            pass


async def test_an_event_of_another_version_is_passed_over(
    path: Path, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store(path, clock) as store:
        await store.record_move(WINDOW)
        await store.append("w1", 1, [TurnBegan(), TurnDone()])
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE events SET body = ? WHERE sequence = 2", (b'{"type":"Unheard"}',))
        database.execute("INSERT INTO windows (window_id, state) VALUES ('odd', ?)", (b"{}",))
        database.commit()

    async with open_store(path, clock) as store:
        assert [stored.sequence for stored in (await store.events("w1")).events] == [1, 3]
        assert await store.windows() == (WINDOW,)

    assert "event 2 of window w1 cannot be read" in caplog.text
    assert "cannot read window odd" in caplog.text


FULL_DISK = """
import anyio, sys
from pathlib import Path
from tianting.fleet.intake import Mark
from tianting.fleet.store.store import open_store
from tianting.fleet.store.records import StoreError
from tianting.fleet.drivers.driver import Prompt
from tianting.fleet.window import Window
from tianting.plumbing.clock import SystemClock
async def main():
    path = Path(sys.argv[1], "store.db")
    ballast = path.with_name("ballast")
    ballast.write_bytes(bytes(500_000))
    async with open_store(path, SystemClock()) as store:
        await store.record_move(Window(window_id="w1", kind="echo"))
        kept = []
        try:
            for number in range(1_000):
                await store.accept("w1", Prompt(text="x" * 10_000, uuid=str(number)))
                kept.append(str(number))
        except StoreError as error:
            print(error)
        assert [p.prompt.uuid for p in await store.pending("w1")] == kept
        ballast.unlink()
        await store.accept("w1", Prompt(text="again", uuid="again"))
    async with open_store(path, SystemClock()) as store:
        assert [p.prompt.uuid for p in await store.pending("w1")] == [*kept, "again"]
        print(len(kept) > 0)
anyio.run(main)
"""


def test_a_full_disk_is_said_and_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    small = ["--size", "2000000", "--tmpfs", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
    done = subprocess.run(
        ["bwrap", "--dev-bind", "/", "/", *small, sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment,
    )
    if "bwrap:" in done.stderr:
        pytest.skip(f"no bubblewrap here: {done.stderr.strip()}")
    assert (done.stdout, done.stderr) == (
        "The disk of the store is full: nothing is accepted until there is room.\nTrue\n",
        "",
    )


def _tear_events(path: Path) -> None:
    """Overwrite one page in the middle of those that hold events."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = database.execute("PRAGMA page_size").fetchone()
        (pages,) = database.execute("PRAGMA page_count").fetchone()
    data = bytearray(path.read_bytes())
    marks = [
        number for number in range(pages // 3, pages) if b"Progressed" in data[number * size : (number + 1) * size]
    ]
    page = marks[len(marks) // 2]
    data[page * size : (page + 1) * size] = os.urandom(size)
    path.write_bytes(data)
