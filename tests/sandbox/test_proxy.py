"""The proxy, asked by real commands in real sandboxes, and by rude clients directly."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.abc
import pytest

from tests.sandbox.boxed import Ran, run_boxed
from tianting.sandbox.confinement import Confinement
from tianting.sandbox.door import Door
from tianting.sandbox.policy import NetworkPolicy, SandboxPolicy
from tianting.sandbox.proxy import MAX_CONNECTIONS, Proxy, proxy_environment

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def site() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that says hello, and what it was asked."""
    asked: list[bytes] = []

    async def answer(client: anyio.abc.SocketStream) -> None:
        async with client:
            asked.append(await client.receive())
            await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield listener.extra(anyio.abc.SocketAttribute.local_port), asked
        tasks.cancel_scope.cancel()


async def everything_is_here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def policy_of(workspace: Path, *allowed: str) -> SandboxPolicy:
    return SandboxPolicy(writable=(str(workspace),), network=NetworkPolicy(reach="hosts", allowed=allowed))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("curl -sS http://good.test:{port}/x", id="plain"),
        pytest.param("curl -sS -p http://good.test:{port}/x", id="connect"),
        pytest.param("curl -sS -x $ALL_PROXY http://good.test:{port}/x", id="socks"),
    ],
)
async def test_named_host_is_reached(command: str, confinement: Confinement, workspace: Path) -> None:
    async with site() as (port, asked), Proxy(everything_is_here) as proxy:
        policy = policy_of(workspace, f"good.test:{port}")
        ran = await run_boxed(confinement, policy, command.format(port=port), workspace, proxy)

    assert ran == Ran(exit_code=0, output="hello", note=None)
    [request] = asked
    assert request.startswith(b"GET /x HTTP/1.1\r\n")


async def test_judged_host_is_the_one_the_server_hears_of(confinement: Confinement, workspace: Path) -> None:
    async with site() as (port, asked), Proxy(everything_is_here) as proxy:
        policy = policy_of(workspace, f"good.test:{port}")
        command = f"curl -sS -H 'Host: evil.test' http://good.test:{port}/"
        await run_boxed(confinement, policy, command, workspace, proxy)

    assert (b"evil.test" in asked[0], f"Host: good.test:{port}".encode() in asked[0]) == (False, True)


@pytest.mark.parametrize(
    ("command", "host"),
    [
        pytest.param("curl -sS http://evil.test/", "evil.test", id="plain"),
        pytest.param("curl -sS https://evil.test/", "evil.test", id="connect"),
        pytest.param("curl -sS -x $ALL_PROXY https://evil.test/", "evil.test", id="socks"),
        pytest.param("curl -sS http://127.0.0.2:{port}/", "127.0.0.2:{port}", id="an address of this machine"),
        pytest.param("curl -sS http://below.good.test:{port}/", "below.good.test:{port}", id="a name of here"),
        pytest.param("curl -sS http://169.254.169.254/", "169.254.169.254", id="the cloud's keys"),
    ],
)
async def test_other_host_is_refused_and_named(
    command: str, host: str, confinement: Confinement, workspace: Path
) -> None:
    async with site() as (port, asked), Proxy(everything_is_here) as proxy:
        policy = policy_of(workspace, "*.good.test", "good.test")
        ran = await run_boxed(confinement, policy, f"{command.format(port=port)} -f", workspace, proxy)

    assert (ran.exit_code != 0, asked) == (True, [])
    assert f"Sandbox blocked network to {host.format(port=port)}." in (ran.note or "")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("curl -sS --noproxy '*' http://127.0.0.1:{port}/", id="this machine's loopback"),
        pytest.param("grep -v Iface /proc/net/route", id="a way out"),
        pytest.param("getent hosts good.test", id="the resolver"),
    ],
)
async def test_nothing_goes_past_the_proxy(command: str, confinement: Confinement, workspace: Path) -> None:
    async with site() as (port, asked), Proxy(everything_is_here) as proxy:
        ran = await run_boxed(confinement, policy_of(workspace, "*"), command.format(port=port), workspace, proxy)

    assert (ran.exit_code != 0, asked) == (True, [])


async def test_without_a_proxy_no_host_is_reached(confinement: Confinement, workspace: Path) -> None:
    ran = await run_boxed(confinement, policy_of(workspace, "*"), "echo > /dev/tcp/127.0.0.1/3128", workspace)

    assert ran.exit_code != 0


async def test_signals_work_as_usual_behind_the_proxy(confinement: Confinement, workspace: Path) -> None:
    command = "trap 'echo bye' TERM; kill -TERM $$; yes | head -1"
    async with Proxy(everything_is_here) as proxy:
        ran = await run_boxed(confinement, policy_of(workspace, "a.test"), command, workspace, proxy)

    assert ran == Ran(exit_code=0, output="bye\ny\n", note=None)


@asynccontextmanager
async def opened(*allowed: str) -> AsyncIterator[tuple[Door, int]]:
    """A proxy whose socket is handed over by the test itself."""
    with anyio.fail_after(10):
        async with Proxy(everything_is_here) as proxy:
            door = proxy.open(NetworkPolicy(reach="hosts", allowed=allowed))
            with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
                port = listener.getsockname()[1]
                with socket.socket(fileno=os.dup(door.descriptor)) as inner:
                    socket.send_fds(inner, [b"L"], [listener.fileno()])
            yield door, port
            door.close()


async def _said(port: int, *words: bytes) -> bytes:
    """What the proxy answers before it hangs up."""
    async with await anyio.connect_tcp("127.0.0.1", port) as client:
        for word in words:
            await client.send(word)
        await client.send_eof()
        answer = b""
        try:
            async for data in client:
                answer += data
        except anyio.BrokenResourceError:
            pass
        return answer


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        pytest.param([b""], b"", id="nothing"),
        pytest.param([b"garbage\r\n\r\n"], b"", id="no request"),
        pytest.param([b"GET /path HTTP/1.1\r\n\r\n"], b"", id="a path alone"),
        pytest.param([b"GET ftp://a.test/ HTTP/1.1\r\n\r\n"], b"", id="another scheme"),
        pytest.param([b"CONNECT a.test:443 HTTP/1.1\r\n"], b"", id="half a request"),
        pytest.param([b"GET http://a.test/ HTTP/1.1\r\nX: " + b"x" * 70_000], b"", id="a head without end"),
        pytest.param([b"CONNECT a.test:1 HTTP/1.1\r\n\r\n"], b"HTTP/1.1 403 Forbidden", id="a closed port"),
        pytest.param([b"CONNECT [::1] HTTP/1.1\r\n\r\n"], b"HTTP/1.1 403 Forbidden", id="loopback"),
        pytest.param([b"\x05\x01\x00", b"\x05\x02\x00\x01\x7f\x00\x00\x01\x00\x50"], b"\x05\x00\x05\x07", id="bind"),
        pytest.param([b"\x05\x01\x00", b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"], b"\x05\x00\x05\x02", id="socks 4"),
        pytest.param([b"\x05\x01\x00", b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x50"], b"\x05\x00\x05\x02", id="6"),
        pytest.param([b"\x05\x01\x00", b"\x05\x01\x00\x09\x00"], b"\x05\x00", id="no address type"),
    ],
)
async def test_rude_client_gets_no_further(words: list[bytes], answer: bytes) -> None:
    async with opened("a.test") as (_, port):
        said = await _said(port, *words)

    assert said.startswith(answer)
    assert b" 200 " not in said


async def test_only_so_many_refusals_are_remembered() -> None:
    async with opened() as (door, port):
        for number in range(25):
            await _said(port, b"CONNECT h%d.test:443 HTTP/1.1\r\n\r\n" % number)

        assert door.blocked == tuple(f"h{number}.test" for number in range(20))


async def test_flood_of_connections_does_not_use_up_the_agents_descriptors() -> None:
    before = _descriptors()
    async with opened() as (_, port):
        flood = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(MAX_CONNECTIONS + 50)]
        for _ in range(20):
            await anyio.wait_all_tasks_blocked()
        accepted = _descriptors() - before - len(flood)
        for client in flood:
            client.close()

    assert MAX_CONNECTIONS // 2 < accepted <= MAX_CONNECTIONS + 10


async def test_something_else_than_a_listener_ends_the_door_and_not_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(5):
        async with Proxy() as proxy:
            door = proxy.open(NetworkPolicy(reach="hosts"))
            with socket.socket(fileno=os.dup(door.descriptor)) as inner, Path(os.devnull).open() as file:
                socket.send_fds(inner, [b"L"], [file.fileno()])
            while "the proxy of a command broke" not in caplog.text:
                await anyio.sleep(0.005)
            door.close()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_command_that_ends_at_once_leaves_nothing_behind() -> None:
    with anyio.fail_after(5):
        async with Proxy() as proxy:
            door = proxy.open(NetworkPolicy(reach="hosts"))
            with socket.socket(fileno=os.dup(door.descriptor)) as inner:
                inner.send(b"x")
            await anyio.wait_all_tasks_blocked()
            door.close()


def test_programs_are_told_in_both_cases() -> None:
    told = proxy_environment()

    assert told["https_proxy"] == told["HTTPS_PROXY"] == "http://127.0.0.1:3128"
