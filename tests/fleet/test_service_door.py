"""The door of a fleet: who may come in, what may be said, and that no client holds up another."""

import os
import socket
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import anyio.abc
import anyio.lowlevel
import msgspec
import pytest

from tianting.fleet.door import words
from tianting.fleet.door.client import FleetClient, FleetGone, NoFleet, knock
from tianting.fleet.door.door import Door, DoorLimits
from tianting.fleet.door.lines import HungUp, connect
from tianting.fleet.door.place import DoorTaken, held_door, make_private, remember, run_directory, settle
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio

WELCOME = words.Welcome(vocabulary=words.VOCABULARY, version="1", pid=7, since=0.0)


class Echoing:
    """Answers with what it was sent."""

    def __init__(self) -> None:
        self.streams_closed = 0

    def welcome(self) -> words.Answer:
        return WELCOME

    async def answer(self, ask: words.Ask) -> words.Answer:
        match ask:
            case words.Send(window="slow"):
                await anyio.sleep_forever()
            case words.Send(text=text):
                return words.Done(told=text)
            case words.Show(window="bug"):
                raise RuntimeError("a bug")
            case words.Stop(window=window):
                raise FleetError(f"There is no window {window!r}.")
            case _:
                pass
        return words.Ended()

    async def stream(self, ask: words.Stream) -> AsyncGenerator[words.Answer, None]:
        try:
            if isinstance(ask, words.Watch):
                while True:
                    yield words.Figures(text="x" * 100_000)
            for count in range(3):
                yield words.Done(told=str(count))
        finally:
            self.streams_closed += 1


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tianting-") as directory:  # paths of sockets are short
        yield Path(directory) / "door"


@asynccontextmanager
async def served(place: Path, limits: DoorLimits | None = None) -> AsyncGenerator[Echoing, None]:
    behind = Echoing()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            await tasks.start(Door(behind, limits).serve, place)
            yield behind
            tasks.cancel_scope.cancel()


async def ask(fleet: FleetClient, text: str) -> str:
    return (await fleet.ask(words.Send(window="w", text=text), words.Done)).told


async def raw(place: Path, *lines: bytes, answers: int) -> list[words.Line]:
    """What is said to somebody who writes these bytes."""
    with closing(connect(place)) as connection:
        for line in lines:
            await connection.send(line)
        said = [await connection.receive(10_000) for _ in range(answers)]
    return [msgspec.json.decode(line, type=words.Line) for line in said]


async def test_every_question_gets_its_own_answer(place: Path) -> None:
    async with served(place), knock(place) as fleet:
        assert fleet.welcome == WELCOME
        async with anyio.create_task_group() as tasks:
            told: dict[int, str] = {}

            async def one(number: int) -> None:
                told[number] = await ask(fleet, str(number))

            for number in range(40):
                tasks.start_soon(one, number)
        assert told == {number: str(number) for number in range(40)}


async def test_a_refusal_is_one_line(place: Path) -> None:
    async with served(place), knock(place) as fleet:
        with pytest.raises(FleetError, match=r"^There is no window 'x'\.$"):
            await fleet.ask(words.Stop(window="x"), words.Done)
        with pytest.raises(FleetError, match=r"^The fleet has a bug; its log says more\.$"):
            await fleet.ask(words.Show(window="bug"), words.Shown)
        with pytest.raises(FleetError, match="answered Ended where Listing was expected"):
            await fleet.ask(words.ListWindows(), words.Listing)
        assert await ask(fleet, "still here") == "still here"


async def test_a_stream_ends_when_there_is_nothing_more(place: Path) -> None:
    async with served(place) as behind, knock(place) as fleet:
        told = [done.told async for done in fleet.stream(words.Follow(), words.Done)]
        assert told == ["0", "1", "2"]
        assert behind.streams_closed == 1


@pytest.mark.parametrize(
    ("line", "to", "why"),
    [
        pytest.param(b"hello\n", 0, "That is no question to a fleet", id="no JSON"),
        pytest.param(b"\n", 0, "That is no question to a fleet", id="empty"),
        pytest.param(b'{"id": 3, "ask": {"do": "fly"}}\n', 3, "Invalid value 'fly'", id="unknown word"),
        pytest.param(b'{"id": 4, "ask": {"do": "send"}}\n', 4, "missing required field", id="incomplete"),
        pytest.param(b"[" * 100_000 + b"\n", 0, "That is no question to a fleet", id="nested"),
        pytest.param(b'{"id": "x", "ask": {"do": "list"}}\n', 0, "Expected `int`", id="no number"),
    ],
)
async def test_nonsense_is_refused_and_the_next_line_is_heard(place: Path, line: bytes, to: int, why: str) -> None:
    good = b'{"id": 9, "ask": {"do": "send", "window": "w", "text": "ok"}}\n'
    async with served(place):
        [_, refused, answered] = await raw(place, line, good, answers=3)

    assert isinstance(refused.say, words.Refused)
    assert (refused.to, why in refused.say.why) == (to, True)
    assert answered == words.Line(to=9, say=words.Done(told="ok"))


async def test_a_line_that_is_too_long_is_passed_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.fleet.door.door.LONGEST_LINE", 1000)
    good = b'{"id": 9, "ask": {"do": "send", "window": "w", "text": "ok"}}\n'
    async with served(place):
        whole = await raw(place, b"x" * 2000 + b"\n", good, answers=3)
        in_pieces = await raw(place, b"x" * 2000, b"y" * 2000, b"z\n", good, answers=3)

    refused = words.Line(to=0, say=words.Refused(why="A line has 1000 bytes at most."))
    answered = words.Line(to=9, say=words.Done(told="ok"))
    assert (whole[1:], in_pieces[1:]) == ([refused, answered], [refused, answered])


async def test_one_client_too_many_is_told_so(place: Path) -> None:
    async with served(place, DoorLimits(clients=1)), knock(place):
        with pytest.raises(FleetError, match="1 clients are connected, and there may be no more"):
            async with knock(place):
                pass


async def test_a_client_that_does_not_read_is_hung_up_on_and_holds_up_nobody(place: Path) -> None:
    limits = DoorLimits(patience=0.05, unread=2)
    async with served(place, limits) as behind, knock(place) as other:
        deaf = connect(place)
        await deaf.send(b'{"id": 1, "ask": {"do": "watch"}}\n')
        assert await ask(other, "I read") == "I read"
        while not behind.streams_closed:
            await anyio.lowlevel.checkpoint()
        assert await ask(other, "and still do") == "and still do"
        deaf.close()


async def test_whoever_leaves_is_no_longer_worked_for(place: Path) -> None:
    async with served(place) as behind:
        with closing(connect(place)) as leaving:
            await leaving.send(b'{"id": 1, "ask": {"do": "watch"}}\n')
            await leaving.receive(10_000)
        while not behind.streams_closed:
            await anyio.lowlevel.checkpoint()


async def test_a_fleet_that_ends_says_so_to_who_waits(place: Path) -> None:
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks, anyio.create_task_group() as fleets:
            await fleets.start(Door(Echoing()).serve, place)

            async def wait(*, task_status: anyio.abc.TaskStatus[None]) -> None:
                async with knock(place) as fleet:
                    task_status.started()
                    with pytest.raises(FleetGone):
                        await fleet.ask(words.Send(window="slow", text=""), words.Done)
                    with pytest.raises(FleetGone):
                        await ask(fleet, "again")

            await tasks.start(wait)
            fleets.cancel_scope.cancel()
    assert not place.exists()


async def test_a_dead_ones_socket_is_replaced_and_only_ours_can_connect(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    with pytest.raises(NoFleet):
        async with knock(place):
            pass
    async with served(place), knock(place) as fleet:
        assert place.stat().st_mode & 0o777 == 0o600
        assert await ask(fleet, "hello") == "hello"


async def test_another_persons_client_is_turned_away(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.fleet.door.door.is_own", lambda _: False)
    async with served(place):
        with closing(connect(place)) as stranger, pytest.raises(HungUp):
            await stranger.receive(10_000)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(words.Welcome(vocabulary=99, version="9", pid=1, since=0.0), "another version", id="younger"),
        pytest.param(words.Ended(), "where Welcome was expected", id="confused"),
    ],
)
async def test_a_fleet_of_another_version_is_not_talked_to(
    place: Path, monkeypatch: pytest.MonkeyPatch, said: words.Answer, why: str
) -> None:
    monkeypatch.setattr(Echoing, "welcome", lambda _: said)
    async with served(place):
        with pytest.raises(FleetError, match=why):
            async with knock(place):
                pass


def test_one_address_has_one_holder(place: Path) -> None:
    with held_door(place), pytest.raises(DoorTaken, match=f"process {os.getpid()}"), held_door(place):
        pass
    with held_door(place):
        pass


def test_a_lock_that_is_a_link_is_not_followed(place: Path) -> None:
    Path(f"{place}.lock").symlink_to("/etc/passwd")
    with pytest.raises(FleetError, match="cannot be opened"), held_door(place):
        pass


def test_directories_are_ours_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "new" / "deep")
    open_ = tmp_path / "open"
    open_.mkdir()
    open_.chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "new")
    (tmp_path / "file").touch()

    assert (tmp_path / "new" / "deep").stat().st_mode & 0o777 == 0o700
    for name, why in (("open", "is open to others"), ("link", "is a link"), ("file", "cannot be made")):
        with pytest.raises(FleetError, match=why):
            make_private(tmp_path / name)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Paths of sockets are short, and pytest's own are long."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as directory:
        yield Path(directory)


def test_the_first_choice_of_a_place_is_remembered(short_path: Path) -> None:
    home, runtime = short_path / "h", short_path / "r"
    (home / "fleet").mkdir(parents=True)
    runtime.mkdir(mode=0o700)

    chosen = run_directory(home, {"XDG_RUNTIME_DIR": str(runtime)})
    chosen.mkdir(parents=True, mode=0o700)
    remember(home, chosen)

    assert chosen.parent == runtime / "tianting"
    assert settle(home, {}) == chosen
    chosen.rmdir()
    assert settle(home, {}) == home / "fleet" / "run"


@pytest.mark.parametrize("mode", [0o755, None], ids=["open", "missing"])
def test_a_runtime_directory_that_is_not_ours_alone_is_not_used(tmp_path: Path, mode: int | None) -> None:
    runtime = tmp_path / "r"
    if mode is not None:
        runtime.mkdir()
        runtime.chmod(mode)
    assert run_directory(tmp_path, {"XDG_RUNTIME_DIR": str(runtime)}) == tmp_path / "fleet" / "run"


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="too long a path"):
        run_directory(tmp_path / ("x" * 100), {})
