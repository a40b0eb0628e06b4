"""Many clients at one socket: whatever one of them does, the others are answered."""

import socket
import stat
from pathlib import Path

import anyio
import pytest

from tests.daemon.talks import Listening, PlayedTalks, listening, never, piecemeal
from tianting.daemon import listener
from tianting.daemon.listener import ListenerLimits, answers, free_place
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio


async def still_answers(place: Listening) -> bool:
    async with place.line() as line:
        reply = await line.ask(command="/codex-ask", question="there?")
    return bool(reply["response"] == "there?")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_requests_of_one_client_are_answered_in_order() -> None:
    async with listening(PlayedTalks()) as place, place.line() as line:
        await line.stream.send(b'{"command":"/codex-ask a"}\n\n{"command":"/codex-ask b"}\n')

        assert [(await line.hear())["response"], (await line.hear())["response"]] == ["a", "b"]


async def test_answer_comes_in_pieces_if_wanted() -> None:
    async with listening(PlayedTalks(piecemeal)) as place, place.line() as line:
        await line.say(command="/codex-ask", question="one two", stream=True, conversation="c")

        heard = [await line.hear() for _ in range(3)]

        reply = {"success": True, "response": "one two", "conversation": "c"}
        assert heard == [{"delta": "one"}, {"delta": "two"}, reply]


async def test_last_line_needs_no_line_feed() -> None:
    async with listening(PlayedTalks()) as place, place.line() as line:
        await line.stream.send(b'{"command":"/codex-ask last"}')
        await line.stream.send_eof()

        assert (await line.hear())["response"] == "last"
        assert await line.ended()


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"\x00\xff\x80binary\n", id="binary"),
        pytest.param(b"[" * 100_000 + b"\n", id="deep"),
        pytest.param(b'{"command": "/codex-nothing"}\n', id="no command of ours"),
    ],
)
async def test_nonsense_is_refused_and_the_client_may_go_on(garbage: bytes) -> None:
    async with listening(PlayedTalks()) as place, place.line() as line:
        await line.stream.send(garbage)

        assert (await line.hear())["success"] is False
        assert (await line.ask(command="/codex-ask x"))["success"] is True


async def test_endless_line_is_cut_off_early() -> None:
    sent = 0
    async with listening(PlayedTalks(), ListenerLimits(line=10_000)) as place, place.line() as line:
        with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):  # noqa: PT012 - any of them may
            for _ in range(10_000):
                await line.stream.send(b"x" * 100_000)
                sent += 100_000

        assert sent < 10_000_000
        assert await still_answers(place)


async def test_silent_client_is_hung_up_on() -> None:
    async with listening(PlayedTalks(), ListenerLimits(silence=0.05)) as place, place.line() as line:
        await line.stream.send(b'{"command"')

        assert await line.ended()


async def test_client_that_does_not_read_is_hung_up_on() -> None:
    flood = "word " * 200_000
    async with listening(PlayedTalks(piecemeal), ListenerLimits(patience=0.05)) as place, place.line() as line:
        await line.say(command="/codex-ask", question=flood[: 1 << 19], stream=True)

        assert await still_answers(place)


async def test_clients_with_long_questions_delay_nobody() -> None:
    talks = PlayedTalks(never)
    async with listening(talks) as place, place.line() as one, place.line() as two, place.line() as three:
        for line in (one, two, three):
            await line.say(command="/codex-ask forever")
        with anyio.fail_after(5):
            while len(talks.asked) < 3:
                await anyio.sleep(0)

        async with place.line() as fourth:
            assert (await fourth.ask(command="/codex-status"))["success"] is True


async def test_newcomer_takes_the_place_of_the_most_silent() -> None:
    async with listening(PlayedTalks(), ListenerLimits(clients=2)) as place, place.line() as old, place.line() as newer:
        await old.ask(command="/codex-status")
        await newer.ask(command="/codex-status")
        await old.ask(command="/codex-status")

        assert await still_answers(place)
        assert await newer.ended()
        assert (await old.ask(command="/codex-status"))["success"] is True


async def test_places_that_work_are_not_taken_away() -> None:
    talks = PlayedTalks(never)
    async with listening(talks, ListenerLimits(clients=1)) as place, place.line() as busy, place.line() as late:
        await busy.say(command="/codex-ask forever")
        while not talks.asked:
            await anyio.sleep(0)

        assert (await late.hear())["error"] == "All places are taken by questions: ask later."


async def test_a_thousand_connections_leave_nothing_behind() -> None:
    async with listening(PlayedTalks()) as place:
        assert await still_answers(place)
        before = descriptors()
        for _ in range(20):
            lines = [socket.socket(socket.AF_UNIX) for _ in range(50)]
            for line in lines:
                line.connect(str(place.path))
                line.send(b'{"half":')
            await anyio.sleep(0)
            for line in lines:
                line.close()

        assert await still_answers(place)
        with anyio.fail_after(5):
            while descriptors() > before:
                await anyio.sleep(0.01)


async def test_another_person_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "is_own", lambda _: False)
    async with listening(PlayedTalks()) as place, place.line() as line:
        assert await line.ended()


async def test_socket_is_its_owners_alone() -> None:
    async with listening(PlayedTalks()) as place:
        assert stat.S_IMODE(place.path.stat().st_mode) == 0o600


def test_stale_socket_is_replaced_and_taken_away(private: Path) -> None:
    path = private / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    with free_place(path):
        assert not path.exists()
        path.touch()

    assert not path.exists()


def test_file_in_the_way_is_left_alone(private: Path) -> None:
    path = private / "socket"
    path.write_text("somebody's", encoding="utf-8")

    with pytest.raises(FleetError, match="is no socket: move it away"), free_place(path):
        pass

    assert path.read_text(encoding="utf-8") == "somebody's"


def test_link_in_the_way_is_not_followed(private: Path) -> None:
    path = private / "socket"
    path.symlink_to(private / "elsewhere")

    with pytest.raises(FleetError, match="is no socket"), free_place(path):
        pass


def test_living_socket_is_not_taken(private: Path) -> None:
    path = private / "socket"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen(1)

        assert answers(path)
        with pytest.raises(FleetError, match="A daemon answers at"), free_place(path):
            pass


def test_open_directory_is_refused(private: Path) -> None:
    private.chmod(0o755)

    with pytest.raises(FleetError, match="is open to others: run `chmod 700"), free_place(private / "socket"):
        pass


@pytest.fixture
def private(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir(mode=0o700)
    return made
