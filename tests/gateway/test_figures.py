"""What the gateway says of itself, and where it listens."""

import socket
from pathlib import Path

import anyio
import pytest

from tests.gateway.stage import SECRET, eventually, stage, upstream
from tests.models.raw_server import answer, sends, serve_raw
from tianting.gateway.gateway import Gateway
from tianting.gateway.ledger import Ledger

pytestmark = pytest.mark.anyio


def gateway(directory: Path) -> Gateway:
    return Gateway(upstreams=(upstream("http://127.0.0.1:1"),), ledger=Ledger(directory / "ledger.sqlite"))


async def test_those_who_do_not_come_in_are_counted() -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played:
        await played.ask(played.request("/v1/nothing"))
        await played.ask(played.request(authorization="Bearer nobodys"))

        figures = played.gateway.observe()
        assert (figures.turned_away, figures.answering, sum(figures.answers.values())) == (2, 0, 0)
        await eventually(lambda: played.gateway.observe().connections == 0)


async def test_a_key_that_rests_says_for_how_long() -> None:
    tired = answer("429 Too Many Requests", b"{}", retry_after="42")
    async with serve_raw(sends(tired)) as provider, stage(upstream(provider.url, "one")) as played:
        await played.ask()

        [key] = played.gateway.observe().keys
        assert (key.key, key.paused, key.window, key.circuit) == ("one", 42.0, 32, "closed")
        assert SECRET not in repr(played.gateway.observe())


async def test_a_socket_file_that_a_killed_gateway_left_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "s"))
    left.close()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            assert await tasks.start(_serve_socket, gateway(tmp_path), tmp_path / "s") == 0
            async with await anyio.connect_unix(tmp_path / "s"):
                with pytest.raises(OSError, match="in use"):
                    await gateway(tmp_path).serve(port=None, unix_socket=tmp_path / "s")
            tasks.cancel_scope.cancel()


async def test_a_file_in_the_sockets_place_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")

    with anyio.fail_after(5), pytest.raises(OSError, match="in use"):
        await gateway(tmp_path).serve(port=None, unix_socket=tmp_path / "s")

    assert (tmp_path / "s").read_text() == "mine"


async def _serve_socket(
    served: Gateway, path: Path, *, task_status: anyio.abc.TaskStatus[int] = anyio.TASK_STATUS_IGNORED
) -> None:
    await served.serve(port=None, unix_socket=path, task_status=task_status)
