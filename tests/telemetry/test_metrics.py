"""The figures can be fetched as Prometheus fetches them, and each is explained to people."""

import re
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import anyio.abc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tianting.telemetry.exposition import listen, serve_metrics
from tianting.telemetry.metrics import FleetMetrics

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture
def metrics() -> FleetMetrics:
    return FleetMetrics()


@pytest.fixture
async def address(metrics: FleetMetrics, tmp_path: Path) -> AsyncGenerator[Path, None]:
    path = tmp_path / "metrics.sock"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_metrics, await listen(path), metrics.registry)
        yield path
        tasks.cancel_scope.cancel()


async def ask(client: anyio.abc.SocketStream, request: bytes) -> tuple[str, str]:
    """The first line of the answer, and its body."""
    with anyio.fail_after(5):
        async with client:
            await client.send(request)
            answer = b"".join([data async for data in client])
    head, _, body = answer.decode().partition("\r\n\r\n")
    return head.partition("\r\n")[0], body


async def test_figures_are_fetched_over_a_socket_of_ones_own(metrics: FleetMetrics, address: Path) -> None:
    metrics.show_windows([("echo", "ready"), ("echo", "ready"), ("claude", "busy")])
    metrics.turns.labels("echo", "answered").inc(3)
    metrics.recovery_time.labels("echo").observe(0.2)

    status, body = await ask(await anyio.connect_unix(address), b"GET /metrics?x HTTP/1.1\r\nHost: x\r\n\r\n")

    assert status == "HTTP/1.1 200 OK"
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert samples[("tianting_windows", "echo", "ready")] == 2
    assert samples[("tianting_windows", "claude", "busy")] == 1
    assert samples[("tianting_turns_total", "echo", "answered")] == 3
    assert samples[("tianting_window_recovery_seconds_count", "echo")] == 1
    assert address.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", id="head"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", id="elsewhere"),
        pytest.param(b"GET /metrics/../x HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", id="path"),
        pytest.param(b"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", id="post"),
        pytest.param(b"\x16\x03\x01\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", id="no HTTP"),
        pytest.param(b"x" * 20_000, "", id="endless head"),
    ],
)
async def test_anything_else_is_answered_shortly(address: Path, request_: bytes, status: str) -> None:
    said, body = await ask(await anyio.connect_unix(address), request_)

    assert said == status
    assert len(body) < 50


async def test_whoever_leaves_early_disturbs_nobody(address: Path) -> None:
    await (await anyio.connect_unix(address)).aclose()

    status, _ = await ask(await anyio.connect_unix(address), b"GET /metrics HTTP/1.1\r\n\r\n")

    assert status == "HTTP/1.1 200 OK"


async def test_a_port_is_one_of_this_machine(metrics: FleetMetrics) -> None:
    listener = await listen(0)
    address = listener.extra(anyio.abc.SocketAttribute.local_address)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_metrics, listener, metrics.registry)
        status, _ = await ask(await anyio.connect_tcp(*address), b"GET /metrics HTTP/1.1\r\n\r\n")
        tasks.cancel_scope.cancel()

    assert (address[0], status) == ("127.0.0.1", "HTTP/1.1 200 OK")


async def test_the_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "metrics.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async with await listen(path):
        await (await anyio.connect_unix(path)).aclose()


def test_a_destroyed_window_leaves_no_series(metrics: FleetMetrics) -> None:
    for window in ("w1", "w2"):
        metrics.memory.labels(window).set(5)
    metrics.forget_window("w1")
    metrics.forget_window("never seen")

    [family] = [family for family in metrics.registry.collect() if family.name == "tianting_window_memory_bytes"]
    assert [sample.labels["window"] for sample in family.samples] == ["w2"]


def test_what_there_is_none_of_any_more_is_dropped(metrics: FleetMetrics) -> None:
    metrics.show_windows([("echo", "busy")])
    metrics.show_windows([("echo", "ready")])

    [family] = [family for family in metrics.registry.collect() if family.name == "tianting_windows"]
    assert [(sample.labels["status"], sample.value) for sample in family.samples] == [("ready", 1.0)]


def test_every_figure_is_explained_to_people(metrics: FleetMetrics) -> None:
    explained = dict(re.findall(r"^\| `(tianting_\w+)` \| \w+ \| [^|]* \| ([^|]+) \|$", DOCS.read_text(), re.MULTILINE))

    assert explained == {
        family.name + ("_total" if family.type == "counter" else ""): family.documentation
        for family in metrics.registry.collect()
    }
