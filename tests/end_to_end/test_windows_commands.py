"""Windows as a person meets them: commands in a shell, a fleet that nobody had to start, and kills of every part."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tests.end_to_end.stage import KEY, Ended, Line, Stage, is_alive, playing, until
from tianting.models.scripted import says

pytestmark = pytest.mark.anyio


class Court:
    """A stage with a fleet of its own."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.state = stage.home / "fleet"
        self._runtime = stage.environment["XDG_RUNTIME_DIR"].encode()

    async def run(self, *arguments: str, stdin: bytes | None = None) -> Ended:
        """`tianting windows ARGUMENTS`."""
        return await self.stage.run("windows", *arguments, stdin=stdin)

    async def well(self, *arguments: str) -> str:
        """The same, and it must go well."""
        ended = await self.run(*arguments)
        assert (ended.code, ended.stderr.count("Traceback")) == (0, 0), ended
        return ended.stdout.strip()

    async def shown(self, window: str) -> Line:
        """What a program is told of a window."""
        found: Line = msgspec.json.decode(await self.well("show", window, "--json"))
        return found

    async def becomes(self, window: str, status: str) -> Line:
        """Wait for this status."""
        with anyio.fail_after(20):
            while (found := await self.shown(window))["status"] != status:
                await anyio.sleep(0.02)
        return found

    @property
    def fleet(self) -> int:
        """The process that serves."""
        return self._holder("door.lock")

    @property
    def keeper(self) -> int:
        """The process that has the windows."""
        return self._holder("keeper/socket.lock")

    def set(self, **fleet: Any) -> None:
        """Write settings before anything runs."""
        self.stage.home.mkdir(exist_ok=True)
        (self.stage.home / "settings.json").write_text(msgspec.json.encode(fleet).decode())

    def kill_fleet(self) -> None:
        """Without a word."""
        os.kill(self.fleet, signal.SIGKILL)

    async def put_away(self) -> None:
        """End what is left, in order."""
        with anyio.CancelScope(shield=True):
            with suppress(TimeoutError):
                await self.run("serve", "--stop")
            for process in (self.fleet, self.keeper):
                # Its number may be another's by now.
                with suppress(FileNotFoundError, ProcessLookupError):
                    if self._runtime in Path(f"/proc/{process}/environ").read_bytes():
                        os.kill(process, signal.SIGKILL)

    def _holder(self, lock: str) -> int:
        run = Path((self.state / "address").read_text().strip())
        return int((run / lock).read_text())


@pytest.fixture
async def court(stage: Stage) -> AsyncGenerator[Court, None]:
    runtime = tempfile.mkdtemp(prefix="tianting-")  # paths of sockets are short
    stage.environment["XDG_RUNTIME_DIR"] = runtime
    court = Court(stage)
    yield court
    if (court.state / "address").exists():
        await court.put_away()
    shutil.rmtree(runtime)


async def test_a_window_from_its_beginning_to_its_end(court: Court) -> None:
    window = await court.well("create", "--kind", "echo", "--name", "first")

    assert await court.well("send", "first", "--wait", "hello", "there") == "hello there"
    assert (await court.shown(window))["status"] == "ready"
    assert "first" in await court.well("list")
    assert "1 of 64 windows alive" in await court.well("top", "--once")
    assert await court.well("health", "first") == "first     well"
    assert await court.well("logs", "first") == "hello there"
    await court.well("stop", "first")
    assert [line for line in (await court.well("list")).splitlines() if "first" in line] == []
    assert "stopped" in await court.well("list", "--all")
    unheard = await court.run("send", "first", "--wait", "later")
    await court.well("restart", "first")
    assert (unheard.code, "is stopped: `tianting windows restart" in unheard.stderr) == (1, True)
    assert await court.well("send", "first", "--wait", "!recall") == "hello there\nlater"
    await court.well("destroy", "first")
    assert (await court.run("show", "first")).stderr.startswith("tianting: There is no window 'first'")


async def test_the_end_of_a_fleet_leaves_nothing_behind(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first")
    process = (await court.shown("first"))["process_id"]
    fleet, keeper = court.fleet, court.keeper

    await court.well("serve", "--stop")

    with anyio.fail_after(10):
        await until(lambda: not any(map(is_alive, (process, fleet, keeper))))
    assert await court.well("serve", "--stop") == "No fleet runs."


async def test_a_killed_agent_comes_back_and_remembers(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first", "--prompt", "remember me")
    await court.well("send", "first", "--wait", "and this")
    before = await court.shown("first")

    os.kill(before["process_id"], signal.SIGKILL)

    assert await court.well("send", "first", "--wait", "!recall") == "remember me\nand this"
    after = await court.shown("first")
    assert after["process_id"] != before["process_id"]
    assert after["conversation_id"] == before["conversation_id"]


async def test_a_killed_fleet_takes_its_windows_back_by_itself(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first")
    before = await court.shown("first")
    fleet = court.fleet

    court.kill_fleet()

    assert await court.well("send", "first", "--wait", "still there?") == "still there?"
    after = await court.shown("first")
    assert after["process_id"] == before["process_id"]
    assert court.fleet != fleet


async def test_what_was_asked_for_is_asked_of_the_next_process_too(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first", "--model", "big", "--worktree", "mend")
    court.kill_fleet()
    before = await court.shown("first")

    await court.well("restart", "first")
    with anyio.fail_after(20):
        while (after := await court.shown("first"))["process_id"] in (None, before["process_id"]):
            await anyio.sleep(0.02)

    command = Path(f"/proc/{after['process_id']}/cmdline").read_bytes().split(b"\0")
    assert b"big" in command
    assert (after["model"], after["branch"]) == ("big", "mend")


async def test_who_wants_nothing_special_gets_a_window_that_is_ready_already(court: Court) -> None:
    quick = {"kind": "echo", "cwd": str(court.stage.project), "pool": {"spares": 1}}
    court.set(fleet={"templates": {"quick": quick}})

    async def spare() -> str:
        """The one that is ready and nobody's."""
        with anyio.fail_after(20):
            while True:
                rows = [msgspec.json.decode(row) for row in (await court.well("list", "--json")).splitlines()]
                for row in rows:
                    if row["spare"] and row["status"] == "ready":
                        return str(row["window_id"])
                await anyio.sleep(0.02)

    first = await spare()
    await court.well("create", "--template", "quick", "--name", "first")
    second = await spare()
    await court.well("create", "--template", "quick", "--name", "second")
    await court.well("create", "--template", "quick", "--name", "other", "--model", "big")

    shown = {name: await court.shown(name) for name in ("first", "second", "other")}
    assert [shown[name]["window_id"] for name in ("first", "second")] == [first, second]
    assert {name: one["warm"] for name, one in shown.items()} == {"first": True, "second": True, "other": False}
    assert "warm, from the spares" in await court.well("show", "second")
    assert 'tianting_pool_claims_total{outcome="warm",template="quick"} 2.0' in await court.well("metrics")
    court.kill_fleet()
    assert await court.well("send", "second", "--wait", "hello") == "hello"
    assert (await court.shown("second"))["warm"]
    await court.well("destroy", "first")
    await court.well("create", "--template", "quick", "--name", "first")


async def test_work_in_a_worktree_is_not_thrown_away(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first", "--worktree", "mend")
    tree = Path((await court.shown("first"))["cwd"])
    (tree / "new.txt").write_text("work\n")

    refused = await court.run("destroy", "first")
    for arguments in (["add", "new.txt"], ["commit", "-qm", "Work"]):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tree, check=True, env=court.stage.environment)
    shown = await court.well("diff", "first")
    merged = await court.well("merge", "first")
    await court.well("destroy", "first")

    assert (refused.code, "has work that is nowhere else" in refused.stderr) == (1, True)
    assert "+work" in shown
    assert merged.startswith("mend is in ")
    assert (court.stage.project / "new.txt").read_text() == "work\n"
    assert not tree.exists()


async def test_an_approval_is_answered_from_another_shell(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first")
    await court.well("send", "first", "!ask Bash")
    asks = await court.becomes("first", "waiting")

    await court.well("answer", "first", "no", "not", "now")
    await court.becomes("first", "ready")

    assert asks["question"] == "Bash"
    assert '"message": "not now"' in await court.well("logs", "first")
    nothing = await court.run("answer", "first", "yes")
    assert "asks nothing" in nothing.stderr


async def test_attached_lines_are_prompts_and_answers(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first")
    async with court.stage.running(
        "windows", "attach", "first", stdin=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as attached:
        screen, keys = attached.process.stdout, attached.process.stdin
        assert screen is not None
        assert keys is not None

        async def seen(text: str) -> None:
            said = b""
            while text.encode() not in said:
                said += await screen.receive()

        await seen("attached to first")
        await keys.send(b"hello\n")
        await seen("hello")
        await keys.send(b"!ask Bash\n")
        await seen("no with a reason")
        await keys.send(b"yes\n")
        await seen('"behavior": "allow"')
        await keys.send(b"!hang\n")
        await court.becomes("first", "busy")
        attached.tell(signal.SIGINT)
        await court.becomes("first", "ready")
        await keys.aclose()
        await seen("left;")
        assert await attached.process.wait() == 0


async def test_settings_count_at_once_and_wrong_ones_not_at_all(court: Court) -> None:
    await court.well("config", "set", "templates.echoing.kind", "echo")
    await court.well("create", "--template", "echoing")

    assert "It is in force." in await court.well("config", "set", "maxWindows", "1")
    full = await court.run("create", "--template", "echoing")
    wrong = await court.run("config", "set", "maxWindows", "0")
    assert await court.well("config", "get", "maxWindows") == "1"

    assert "1 windows are alive, and there may be no more" in full.stderr
    assert "Nothing was changed: fleet.maxWindows" in wrong.stderr


async def test_a_settings_file_that_breaks_is_refused_whole_and_health_says_so(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first")
    court.set(fleet={"maxWindows": 1, "templates": {"x": {"kind": "echo", "cwd": "nowhere"}}})

    with anyio.fail_after(20):
        while "fleet.templates.x.cwd" not in (found := await court.run("health")).stderr:
            await anyio.sleep(0.1)

    assert found.code == 1
    assert (await court.run("create", "--kind", "echo")).code == 0


async def test_native_windows_get_a_pass_instead_of_the_key_and_keep_it_when_the_fleet_is_killed(court: Court) -> None:
    async with playing(says("From the model."), repeat_last=True) as server:
        court.set(
            gateway={
                "keys": {"main": {"variable": "THE_KEY"}},
                "upstreams": {"anthropic": {"speech": "anthropic", "baseUrl": server.base_url}},
            }
        )
        court.stage.environment["THE_KEY"] = KEY
        await court.well("create", "--name", "first", "--pass", "THE_KEY")
        await court.well("create", "--kind", "echo", "--name", "executed", "--pass", "THE_KEY")

        answer = await court.well("send", "first", "--wait", "hello")
        before = await court.shown("first")
        court.kill_fleet()
        again = await court.well("send", "first", "--wait", "hello again")
        after = await court.shown("first")
        executed = await court.shown("executed")

    environments = [Path(f"/proc/{one['process_id']}/environ").read_bytes() for one in (before, executed)]
    assert (answer, again) == ("From the model.", "From the model.")
    assert after["process_id"] == before["process_id"]
    assert [KEY.encode() in environment for environment in environments] == [False, False]
    assert b"ANTHROPIC_API_KEY=tgw_" in environments[1]
    assert 'tianting_turns_total{kind="tianting",outcome="answered"}' in await court.well("metrics")


async def test_a_command_that_cannot_start_says_what_to_do(court: Court) -> None:
    ended = await court.run("create", "--kind", "claude", "--cwd", "/nowhere")
    assert ended.stderr.endswith("There is no directory /nowhere: name one that exists with --cwd.\n")

    court.stage.environment["PATH"] = "/usr/bin:/bin"
    failed = await court.run("create", "--kind", "acp", "--name", "none")

    assert failed.code == 1
    assert "An ACP agent has no usual name" in failed.stderr


async def test_lists_and_events_are_for_people_and_for_programs(court: Court) -> None:
    window = await court.well("create", "--kind", "echo", "--name", "first", "--prompt", "hello")
    await court.well("send", "first", "--wait", "again")

    [line] = (await court.well("list", "--json")).splitlines()
    events = await court.well("events")
    [*_, last] = (await court.well("events", "first", "--json")).splitlines()

    told, shown = msgspec.json.decode(line), await court.shown("first")
    assert told | {"resource_usage": None} == shown | {"resource_usage": None}  # it is measured again and again
    assert f"id            {window}" in await court.well("show", "first")
    assert "answers: hello" in events
    assert msgspec.json.decode(last)["window"].startswith(window)
    assert msgspec.json.decode((await court.well("health", "--json")).splitlines()[0])["state"] == "well"
    assert b"again" in (await court.well("logs", "first", "--raw")).encode()


async def test_a_turn_is_interrupted_and_force_keeps_work(court: Court) -> None:
    await court.well("create", "--kind", "echo", "--name", "first", "--worktree", "mend")
    tree = Path((await court.shown("first"))["cwd"])
    (tree / "new.txt").write_text("work\n")
    await court.well("send", "first", "!hang")
    await court.becomes("first", "busy")

    works = await court.run("destroy", "first")
    await court.well("interrupt", "first")
    await court.becomes("first", "ready")
    kept = await court.well("destroy", "first", "--force")

    assert "owes an answer" in works.stderr
    assert f"Its worktree is kept: {tree}" in kept
    assert (tree / "new.txt").read_text() == "work\n"
