"""From within a window, attacked for real: other windows, the fleet, the machine and the network are out of reach."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from tianting.fleet.drivers.driver import Launch
from tianting.fleet.ground.isolation import Choice, Isolation, Isolator, Walled, relay_address
from tianting.fleet.ground.isolation_relay import pass_on
from tianting.fleet.ground.workspaces import Wanted, make_directories, window_environment
from tianting.protocol.errors import FleetError
from tianting.sandbox.abilities import Abilities, find_abilities


@pytest.fixture(scope="module")
def abilities() -> Abilities:
    found = find_abilities(os.environ)
    if found.mechanism != "bubblewrap":
        pytest.skip(f"no bubblewrap here: {found.reason}")
    return found


@pytest.fixture
def place() -> Iterator[Path]:
    """Outside /tmp, which windows have one of their own of."""
    places = (os.environ.get("TIANTING_TEST_PLACE", ""), "/var/cache", "/srv", str(Path.cwd()))
    path = Path(tempfile.mkdtemp(prefix="tianting-test-", dir=next(p for p in places if p and os.access(p, os.W_OK))))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Gateway:
    """Answers whoever connects with one line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with client:
                asked = b""
                while data := client.recv(65_536):
                    asked += data
                client.sendall(b"heard %d bytes" % len(asked))

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


class Court:
    """A fleet with two windows, the person's home and a gateway."""

    def __init__(self, place: Path, abilities: Abilities) -> None:
        self.state, self.home = place / "state", place / "person"
        (self.home / ".ssh").mkdir(parents=True)
        (self.home / ".ssh" / "id_ed25519").write_text("PLANTED")
        self.gateway = Gateway(self.state / "gateway" / "socket")
        self.isolator = Isolator(abilities, state=self.state, home=str(self.home), gateway=self.gateway.path)
        self.own, self.other = (make_directories(self.state / "windows", name) for name in ("w1", "w2"))
        (self.other / "claude" / "login").write_text("PLANTED")
        (self.state / "store.db").write_text("PLANTED")
        self.cwd = place / "work"
        subprocess.run(["git", "init", "-q", str(self.cwd)], check=True, timeout=10)

    def launch(self, *argv: str) -> Launch:
        environment = window_environment(os.environ, self.own, Wanted()).variables
        return Launch(argv=argv, environment=environment, cwd=str(self.cwd))

    def run(self, isolation: Isolation, command: str) -> subprocess.CompletedProcess[str]:
        """`command` in a shell of the window, started as the keeper starts it."""
        launch = self.isolator.wrap(self.launch("bash", "-c", command), isolation, Walled(root=str(self.own)))
        return subprocess.run(
            launch.argv,
            env=dict(launch.environment),
            cwd=launch.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


@pytest.fixture
def court(place: Path, abilities: Abilities) -> Iterator[Court]:
    made = Court(place, abilities)
    yield made
    made.gateway.close()


@pytest.mark.parametrize("choice", ["workspace", "strict"])
@pytest.mark.parametrize(
    "command",
    [
        pytest.param("grep -r PLANTED {state} {home}", id="search what is hidden"),
        pytest.param("cat {other}/claude/login", id="read another window's login"),
        pytest.param("cat /proc/1/root{other}/claude/login", id="read it through proc"),
        pytest.param("ls {state}/windows/w2", id="look into another window"),
        pytest.param("echo x > {other}/home/x", id="write into another window"),
        pytest.param("cat {state}/store.db", id="read the store"),
        pytest.param("cat {home}/.ssh/id_ed25519", id="read a key of the person"),
        pytest.param("echo x > {home}/x", id="write into the person's home"),
        pytest.param("cat /etc/shadow", id="read the machine's passwords"),
        pytest.param("test -w /usr/local/bin", id="write a program"),
        pytest.param("echo x > {state}/isolation.bpf", id="change the filter"),
        pytest.param("echo x > .git/hooks/pre-commit", id="write a hook"),
        pytest.param("kill -9 {victim}", id="kill another's process"),
        pytest.param("kill -0 {victim}", id="see another's process"),
        pytest.param("test -e /proc/{victim}", id="find another's process"),
        pytest.param("echo > /dev/tcp/127.0.0.1/{port}", id="a port of this machine"),
        pytest.param("grep -v Iface /proc/net/route", id="a way out"),  # sends nothing, should a wall ever be broken
        pytest.param("getent hosts example.org", id="a name"),
        pytest.param("ls /run/*", id="sockets of services"),
        pytest.param("unshare -U true", id="a namespace of one's own"),
        pytest.param("rm -f {gateway}", id="take the gateway away"),
        pytest.param("mount -t tmpfs none {state}", id="mount"),
    ],
)
def test_attack_fails(command: str, choice: Choice, court: Court) -> None:
    with subprocess.Popen(["sleep", "60"]) as victim, socket.create_server(("127.0.0.1", 0)) as server:
        done = court.run(
            Isolation(choice=choice),
            command.format(
                state=court.state,
                home=court.home,
                other=court.other,
                victim=victim.pid,
                port=server.getsockname()[1],
                gateway=court.gateway.path,
            ),
        )
        still_there = victim.poll() is None
        victim.kill()

    assert done.returncode != 0, done.stdout
    assert "PLANTED" not in done.stdout
    assert still_there
    assert court.gateway.path.exists()


@pytest.mark.parametrize("choice", ["workspace", "strict"])
def test_a_window_can_work(choice: Choice, court: Court) -> None:
    done = court.run(
        Isolation(choice=choice),
        "set -e; echo a > a.txt; echo b > $HOME/b; echo c > $CLAUDE_CONFIG_DIR/c; echo d > /tmp/d; mktemp >/dev/null;"
        "git -c user.name=A -c user.email=a@b commit -q --allow-empty -m first; git log --format=%s; pwd; echo $$",
    )

    assert done.stderr == ""
    subject, cwd, pid = done.stdout.split()
    assert (subject, cwd, int(pid) < 20) == ("first", str(court.cwd), True)
    written = (court.cwd / "a.txt", court.own / "home" / "b", court.own / "claude" / "c", court.own / "tmp" / "d")
    assert [path.read_text() for path in written] == ["a\n", "b\n", "c\n", "d\n"]


ASK = (
    "import socket; s = socket.create_connection(('127.0.0.1', {port})); s.sendall(b'x' * 300_000);"
    "s.shutdown(socket.SHUT_WR); print(s.makefile().read())"
)


def test_the_gateway_is_reached_even_after_it_has_come_again(court: Court) -> None:
    port = relay_address().rpartition(":")[2]
    ask = f'/usr/bin/env python3 -c "{ASK.format(port=port)}"'
    launch = court.isolator.wrap(
        court.launch("bash", "-c", f"{ask}; read; {ask}; read; {ask} 2>/dev/null || echo gone"),
        Isolation(choice="workspace"),
        Walled(root=str(court.own)),
    )
    with subprocess.Popen(
        launch.argv,
        env=dict(launch.environment),
        cwd=launch.cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as window:
        assert window.stdin is not None
        assert window.stdout is not None
        assert window.stdout.readline() == "heard 300000 bytes\n"
        court.gateway.close()
        court.gateway = Gateway(court.gateway.path)
        window.stdin.write("\n")
        assert window.stdout.readline() == "heard 300000 bytes\n"
        court.gateway.path.unlink()
        window.stdin.write("\n")
        assert window.stdout.readline() in ("gone\n", "\n")
        assert window.stdout.read() == "", "what the relay leaves behind holds no pipe of the agent's"
        assert window.wait(10) == 0


def test_a_connection_is_passed_on_both_ways_to_its_end(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "socket")
    ours, theirs = socket.socketpair()
    relay = threading.Thread(target=pass_on, args=(theirs, str(gateway.path)))
    relay.start()
    with ours:
        ours.sendall(b"x" * 100_000)
        ours.shutdown(socket.SHUT_WR)
        ours.settimeout(5)
        assert ours.recv(100) == b"heard 100000 bytes"
        assert ours.recv(100) == b""
    relay.join(5)
    gateway.close()
    assert (relay.is_alive(), theirs.fileno()) == (False, -1)


def test_whoever_breaks_off_ends_the_other_side_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        ours, theirs = socket.socketpair()
        relay = threading.Thread(target=pass_on, args=(theirs, str(tmp_path / "socket")))
        relay.start()
        gateway, _ = listener.accept()
        gateway.settimeout(5)
        with gateway:
            ours.close()
            assert gateway.recv(100) == b""
            for _ in range(100):  # the relay meets a closed socket once its buffers are full
                try:
                    gateway.sendall(b"x" * 100_000)
                except OSError:
                    break
        relay.join(5)
    assert not relay.is_alive()


def test_without_a_gateway_a_client_is_let_go(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()

    pass_on(theirs, str(tmp_path / "nowhere"))

    with ours:
        assert ours.recv(1) == b""


def test_a_strict_window_sees_programs_and_its_own_alone(court: Court, place: Path) -> None:
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "file").write_text("PLANTED")
    (place / "agent").mkdir()
    (place / "agent" / "program").write_text("the agent's own")

    allowed = Isolation(choice="strict", readable=(str(place / "agent"),))
    assert court.run(allowed, f"cat {place}/elsewhere/file").returncode != 0
    assert court.run(allowed, f"cat {place}/agent/program").stdout == "the agent's own"
    assert court.run(allowed, f"echo x > {place}/agent/program").returncode != 0
    assert court.run(Isolation(choice="workspace"), f"cat {place}/elsewhere/file").stdout == "PLANTED"


def test_a_program_brings_along_what_is_installed_with_it(court: Court, place: Path) -> None:
    installed = place / "person" / "apps" / "agent"
    (installed / "bin").mkdir(parents=True)
    (installed / "words").write_text("hello")
    program = installed / "bin" / "agent"
    program.write_text('#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/../words"')
    program.chmod(0o700)
    (court.home / "bin").mkdir()
    (court.home / "bin" / "agent").symlink_to(program)
    (court.home / "diary").write_text("PLANTED")

    def said(argument: str) -> str:
        launch = court.launch(argument)
        walled = court.isolator.wrap(launch, Isolation(choice="strict"), Walled(root=str(court.own)))
        done = subprocess.run(
            walled.argv, env=dict(walled.environment), cwd=walled.cwd, capture_output=True, timeout=20, check=False
        )
        return done.stdout.decode()

    assert said(str(program)) == "hello"
    assert said(str(court.home / "bin" / "agent")) == "hello"
    assert court.run(Isolation(choice="strict"), f"cat {court.home}/diary").returncode != 0


@pytest.mark.parametrize(
    ("program", "place"),
    [
        pytest.param("/opt/agent/bin/agent", "/opt/agent", id="below a prefix"),
        pytest.param("/opt/lib/node_modules/agent/cli.js", "/opt/lib/node_modules/agent", id="a package"),
        pytest.param("/srv/agent", None, id="a file alone"),
        pytest.param("/home/ada/.nvm/v20/bin/node", "/home/ada/.nvm/v20", id="deep in a home"),
        pytest.param("/home/ada/bin/agent", None, id="the home itself"),
        pytest.param("/home/bin/agent", None, id="all homes"),
        pytest.param("/bin/agent", None, id="the machine"),
        pytest.param("/home/ada/.local/bin/agent", None, id="where all kinds of things lie"),
        pytest.param("/srv/bin/agent", None, id="what the fleet is in"),
    ],
)
def test_not_everything_around_a_program_is_its_installation(program: str, place: str | None) -> None:
    isolator = Isolator(Abilities(mechanism="bubblewrap"), state=Path("/srv/fleet"), home="/home/ada")

    found = isolator.installation(Path(program))

    assert found == (None if place is None else Path(place))


def test_an_environment_for_programs_is_an_installation_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "env" / "bin").mkdir(parents=True)
    isolator = Isolator(Abilities(mechanism="bubblewrap"), state=tmp_path / "fleet", home=str(tmp_path))
    before = isolator.installation(tmp_path / "env" / "bin" / "agent")
    (tmp_path / "env" / "pyvenv.cfg").touch()

    assert (before, isolator.installation(tmp_path / "env" / "bin" / "agent")) == (None, tmp_path / "env")


def test_a_program_of_the_work_tree_leaves_it_writable(court: Court) -> None:
    (court.cwd / "bin").mkdir()
    (court.cwd / "bin" / "agent").write_text("#!/bin/sh\necho x > written")
    (court.cwd / "bin" / "agent").chmod(0o700)
    launch = court.launch(str(court.cwd / "bin" / "agent"))

    walled = court.isolator.wrap(launch, Isolation(choice="strict"), Walled(root=str(court.own)))
    subprocess.run(walled.argv, env=dict(walled.environment), cwd=walled.cwd, timeout=20, check=True)

    assert (court.cwd / "written").exists()


@pytest.mark.parametrize("choice", ["workspace", "strict"])
def test_our_own_interpreter_is_seen_wherever_it_is_installed(choice: Choice, court: Court) -> None:
    launch = court.launch(sys.executable, "-c", "import tianting, msgspec; print('here')")

    walled = court.isolator.wrap(launch, Isolation(choice=choice), Walled(root=str(court.own)))

    done = subprocess.run(
        walled.argv, env=dict(walled.environment), cwd=walled.cwd, capture_output=True, timeout=20, check=False
    )
    assert (done.stdout, done.stderr) == (b"here\n", b"")


def test_what_ends_takes_everything_along(court: Court) -> None:
    marker = court.cwd / "alive"
    court.run(Isolation(choice="workspace"), f"setsid sh -c 'sleep 2; touch {marker}' >/dev/null 2>&1 & sleep 0.1")

    done = subprocess.run(["pgrep", "-f", str(marker)], capture_output=True, text=True, timeout=5, check=False)
    assert done.stdout == ""


def test_a_native_window_is_executed(court: Court) -> None:
    native = structs.replace(court.launch("--version"), native=True)

    launch = court.isolator.wrap(native, Isolation(choice="strict"), Walled(root=str(court.own)))

    assert not launch.native
    done = subprocess.run(
        launch.argv, env=dict(launch.environment), cwd=launch.cwd, capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_without_a_wish_nothing_changes(court: Court) -> None:
    launch = court.launch("agent")

    assert court.isolator.wrap(launch, Isolation(), Walled(root=str(court.own))) is launch


def test_the_network_of_the_machine_is_there_where_it_was_asked_for(court: Court) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = court.run(
            Isolation(choice="workspace", network="machine"), f"echo > /dev/tcp/127.0.0.1/{server.getsockname()[1]}"
        )

    assert done.returncode == 0


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        pytest.param(
            Abilities(mechanism="landlock", reason="No bwrap."), "cannot be isolated here: No bwrap.", id="no bwrap"
        ),
        pytest.param(
            Abilities(mechanism="bubblewrap", program="/usr/bin/bwrap", machine="vax"),
            "isolated on vax",
            id="no filter",
        ),
    ],
)
def test_a_wish_for_walls_is_never_passed_over(found: Abilities, complaint: str, tmp_path: Path) -> None:
    isolator = Isolator(found, state=tmp_path, home=str(tmp_path))

    with pytest.raises(FleetError, match=complaint):
        isolator.wrap(
            Launch(argv=(sys.executable,), environment={}, cwd=str(tmp_path)),
            Isolation(choice="strict"),
            Walled(root=str(tmp_path)),
        )
