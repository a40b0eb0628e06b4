"""The daemon as people meet it on the command line: started, examined, killed, in the way of others, and ended."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator

import anyio
import anyio.to_thread
import pytest

from tests.daemon.stage import PATIENCE, PROGRAMS, DaemonStage, daemon_stage
from tianting.daemon import pid_file
from tianting.models.scripted import Reply, Script
from tianting.testing.model_server import serve

pytestmark = pytest.mark.anyio


@pytest.fixture
def stage() -> Iterator[DaemonStage]:
    with daemon_stage() as made:
        yield made


async def test_daemon_is_started_once(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    before = stage.serving

    again = await stage.run("tianting", "daemon", "start")

    assert again == f"A daemon serves already: process {before.daemon.pid}, {stage.socket}.\n"
    assert stage.serving == before


async def test_nothing_of_it_is_open_to_others(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    await stage.say("/codex-config", value="high")

    ours = [stage.home / ".tianting" / "daemon", stage.socket.parent]
    open_to_others = [
        path
        for directory in ours
        for path in (directory, *directory.rglob("*"))
        if "windows" not in path.parts and path.lstat().st_mode & 0o077
    ]

    assert open_to_others == []


async def test_health_and_check_tell_how_it_is(stage: DaemonStage) -> None:
    free = await stage.run("codex-daemon", "--check")
    never = await stage.run("codex-daemon", "--health", code=1)
    await stage.run("codex-daemon", "--daemon")
    used = await stage.run("tianting", "daemon", "check", code=1)
    well = await stage.run("codex-daemon", "--health")

    assert free.endswith(" is free.\n")
    assert "start it with `tianting daemon start`" in never
    assert f"in use by process {stage.serving.daemon.pid}: `tianting daemon stop --socket {stage.socket}`" in used
    assert well == "The daemon is well.\n"


async def test_stopped_daemon_is_not_well(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    assert pid_file.send(stage.serving.daemon, signal.SIGSTOP)

    said = await stage.run("tianting", "daemon", "health", code=1)

    assert "did not answer within 5 s" in said


async def test_killed_daemon_comes_back(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    await stage.say("/codex-config", value="high")
    before = stage.serving

    await stage.kill(before.daemon.pid)

    assert (await stage.say("/codex-config"))["response"] == "effort: high"
    assert stage.serving.daemon != before.daemon
    assert stage.serving.guard == before.guard


async def test_stop_ends_a_daemon_that_crashes_again_and_again(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    serving = stage.serving
    await stage.kill(serving.daemon.pid)

    await stage.run("tianting", "daemon", "stop")

    assert stage.processes() == []


async def test_restart_keeps_conversations(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    await stage.say("/codex-config", value="low")

    await stage.run("tianting", "daemon", "restart")

    assert (await stage.say("/codex-config"))["response"] == "effort: low"


async def test_stop_without_a_daemon(stage: DaemonStage) -> None:
    assert await stage.run("tianting", "daemon", "stop") == "No daemon runs.\n"


async def test_pid_file_that_lies_kills_nobody(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    path = pid_file.place_of(stage.socket)
    await stage.run("tianting", "daemon", "stop")
    with subprocess.Popen(["sleep", "60"]) as innocent:
        path.write_text(json.dumps({"daemon": [innocent.pid, 1], "guard": [innocent.pid, 1]}), encoding="ascii")

        said = await stage.run("tianting", "daemon", "stop")

        assert (said, innocent.poll()) == ("No daemon runs.\n", None)
        innocent.kill()


async def test_file_in_the_way_is_said(stage: DaemonStage) -> None:
    place = stage.root / "run" / "mine"
    place.write_text("somebody's", encoding="utf-8")

    check = await stage.run("tianting", "daemon", "check", "--socket", str(place), code=1)
    start = await stage.run("tianting", "daemon", "start", "--socket", str(place), code=1)

    assert f"mv {place} {place}.old" in check
    assert "is no socket: move it away" in start
    assert place.read_text(encoding="utf-8") == "somebody's"


async def test_stale_socket_is_replaced(stage: DaemonStage) -> None:
    place = stage.root / "run" / "mine"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))

    check = await stage.run("tianting", "daemon", "check", "--socket", str(place), code=1)
    await stage.run("tianting", "daemon", "start", "--socket", str(place))

    assert f"rm {place}" in check
    assert (stage.socket, (await stage.say("/codex-status"))["success"]) == (place, True)


async def test_open_directory_stops_the_start(stage: DaemonStage) -> None:
    place = stage.root / "open"
    place.mkdir()
    place.chmod(0o777)

    said = await stage.run("tianting", "daemon", "start", "--socket", str(place / "socket"), code=1)

    assert "is open to others: run `chmod 700" in said


async def test_second_daemon_of_a_home_is_refused(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")

    said = await stage.run("tianting", "daemon", "start", "--socket", str(stage.root / "run" / "other"), code=1)

    assert f"A daemon of this home runs already: process {stage.serving.daemon.pid}." in said


async def test_service_manager_is_told_and_obeyed(stage: DaemonStage) -> None:
    place = stage.root / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place))
        manager.settimeout(PATIENCE)
        told = {**stage.environment, "NOTIFY_SOCKET": str(place), "WATCHDOG_USEC": "4000000"}
        async with await anyio.open_process([PROGRAMS / "codex-daemon"], env=told, stderr=subprocess.DEVNULL) as daemon:
            said = [await anyio.to_thread.run_sync(manager.recv, 100) for _ in range(3)]
            daemon.send_signal(signal.SIGTERM)
            last = await anyio.to_thread.run_sync(manager.recv, 100)
            with anyio.fail_after(PATIENCE):
                code = await daemon.wait()

    assert (said, last, code) == ([b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"], b"STOPPING=1", 0)
    assert not stage.socket.exists()


async def test_log_is_json_and_is_shown(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    await stage.ask("hello")

    lines = (await stage.run("tianting", "daemon", "logs")).splitlines()

    assert "the daemon serves" in [json.loads(line)["event"] for line in lines]
    assert (stage.home / ".tianting" / "daemon" / "daemon.log").stat().st_mode & 0o777 == 0o600


async def test_figures_can_be_fetched(stage: DaemonStage) -> None:
    await stage.run("tianting", "daemon", "start")
    await stage.say("/codex-config")
    place = stage.socket.with_name("metrics")

    with anyio.fail_after(PATIENCE):
        while not place.exists():
            await anyio.sleep(0.01)
        async with await anyio.connect_unix(place) as line:
            await line.send(b"GET /metrics HTTP/1.1\r\n\r\n")
            said = b"".join([piece async for piece in line])

    assert b"tianting_daemon_clients" in said
    await stage.run("tianting", "daemon", "stop")
    assert not place.exists()


async def test_service_file_is_written_or_shown(stage: DaemonStage) -> None:
    shown = await stage.run("tianting", "daemon", "install", "--for", "systemd", "--print")
    told = await stage.run("tianting", "daemon", "install", "--for", "systemd")

    place = stage.home / ".config" / "systemd" / "user" / "codex-daemon.service"
    assert place.read_text(encoding="utf-8") == shown
    assert told.startswith(f"Written: {place}. To use it: systemctl --user daemon-reload")


async def test_client_programs(stage: DaemonStage) -> None:
    alone = await stage.run("tianting-codex", "status", code=3)
    await stage.run("tianting", "daemon", "start")

    assert "No daemon has ever run here" in alone
    assert await stage.run("tianting-codex", "config", "high") == "effort: high\n"
    assert await stage.run("tianting-codex", "reasoning", "on") == "reasoning: on\n"
    assert await stage.run("tianting-codex", "final_only") == "final_only: on\n"
    assert "it takes minimal, low" in await stage.run("tianting-codex", "config", "huge", code=1)
    assert (await stage.run("tianting-codex", "status")).startswith("ready: process ")
    assert json.loads(await stage.run("tianting", "daemon", "status", "--json"))["status"]["agent"] == "codex"
    assert "npm install -g @openai/codex" in await stage.run("tianting-codex", "ask", "Anybody?", code=1)


async def test_native_agent_answers_instead(stage: DaemonStage) -> None:
    async with serve(Script(replies=(Reply(text="I am native."),), repeat_last=True)) as server:
        stage.environment |= {"ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": "a-key"}
        await stage.run("tianting", "daemon", "start", "--agent", "native")

        first = await stage.ask("Who are you?")
        await stage.run("tianting", "daemon", "stop")

    assert first == {"success": True, "response": "I am native.", "conversation": "tests"}
    assert stage.processes() == []
