"""Landlock, where bubblewrap is missing: its rules as a table, its walls attacked for real."""

import os
import socket
from pathlib import Path

import pytest
from msgspec import structs

from tests.sandbox.boxed import run_boxed
from tianting.sandbox.confinement import Confinement, choose
from tianting.sandbox.landlock import landlock_argv, readable
from tianting.sandbox.policy import NetworkPolicy, SandboxPolicy

pytestmark = pytest.mark.anyio

TREE = {
    "/": ("etc", "home"),
    "/home": ("me", "you"),
    "/home/me": (".ssh", "work"),
}


def entries(directory: str) -> tuple[str, ...]:
    return TREE.get(directory, ())


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        pytest.param((), ("/",), id="nothing hidden"),
        pytest.param(("/home/me/.ssh",), ("/etc", "/home/me/work", "/home/you"), id="one directory"),
        pytest.param(("/home",), ("/etc",), id="a whole tree"),
        pytest.param(("/home/me/.ssh", "/home/you", "/etc"), ("/home/me/work",), id="several"),
        pytest.param(("/home/m",), ("/etc", "/home/me", "/home/you"), id="the beginning of a name hides nothing"),
        pytest.param(("/",), (), id="everything"),
    ],
)
def test_readable(hidden: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert readable("/", hidden, entries) == expected


def test_files_left_as_they_are_need_one_rule() -> None:
    argv = landlock_argv(SandboxPolicy(files_confined=False), entries=entries, filter_descriptor=None)

    assert argv[-2:] == ["write:/", "--"]


@pytest.fixture(scope="session")
def landlock() -> Confinement:
    found = choose({"PATH": ""})
    if found.abilities.mechanism != "landlock":
        pytest.skip(f"no Landlock here: {found.abilities.reason}")
    return found


@pytest.fixture
def policy(workspace: Path, place: Path) -> SandboxPolicy:
    (place / "secrets").mkdir()
    (place / "secrets" / "key").write_text("PLANTED")
    (place / "notes").write_text("before")
    return SandboxPolicy(writable=(str(workspace),), hidden=(str(place / "secrets"),))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("echo x > {place}/notes", id="write outside"),
        pytest.param("ln -s {place}/notes link && echo x > link", id="write through a link"),
        pytest.param("ln {place}/notes hard && echo x > hard", id="write through a hard link"),
        pytest.param("mv {place}/notes notes", id="move something in"),
        pytest.param("rm {place}/notes", id="remove"),
        pytest.param("truncate -s 0 {place}/notes", id="truncate"),
        pytest.param("cat {place}/secrets/key", id="read a secret"),
        pytest.param("cat /proc/{agent}/root{place}/secrets/key", id="read a secret through the agent"),
        pytest.param("mount -t tmpfs none {place}", id="mount"),
        pytest.param("unshare -Urm mount -t tmpfs none {place}", id="a namespace of one's own"),
        pytest.param("kill -9 {agent}", id="kill the agent"),
        pytest.param("strace -p {agent}", id="trace the agent"),
        pytest.param("cat /proc/{agent}/environ", id="read the agent's environment"),
        pytest.param("echo > /dev/tcp/127.0.0.1/{port}", id="connect"),
        pytest.param("getent ahosts example.org", id="a name"),
        pytest.param("echo 1 > /proc/sys/kernel/randomize_va_space", id="turn a kernel switch"),
    ],
)
async def test_escape_fails(
    command: str, landlock: Confinement, policy: SandboxPolicy, workspace: Path, place: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = await run_boxed(landlock, policy, command.format(place=place, agent=os.getpid(), port=port), workspace)

    assert ran.exit_code != 0
    assert "PLANTED" not in ran.output
    assert (place / "notes").read_text() == "before"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("mkdir -p a/b && echo x > new && mv new a/b && rm -r a", id="write the workspace"),
        pytest.param("head -1 /etc/passwd > /dev/null", id="read the system"),
        pytest.param("git add -A && git -c user.name=a -c user.email=a@b commit -qm x --allow-empty", id="commit"),
        pytest.param("f=$(mktemp) && rm $f", id="a temporary file"),
        pytest.param("ls {place} > /dev/null", id="list a directory with secrets"),
        pytest.param("sleep 5 & kill %1", id="signal one's own"),
    ],
)
async def test_honest_work_is_not_disturbed(
    command: str, landlock: Confinement, policy: SandboxPolicy, workspace: Path, place: Path
) -> None:
    ran = await run_boxed(landlock, policy, command.format(place=place), workspace)

    assert (ran.exit_code, ran.note) == (0, None)


async def test_temporary_files_have_a_place_of_their_own(
    landlock: Confinement, policy: SandboxPolicy, workspace: Path, place: Path
) -> None:
    (place / "scratch").mkdir()
    policy = structs.replace(policy, private_tmp=str(place / "scratch"))

    ran = await run_boxed(landlock, policy, "mktemp", workspace)

    assert (ran.exit_code, ran.output.startswith(f"{place}/scratch/")) == (0, True)


async def test_all_network_is_the_machines_own(landlock: Confinement, policy: SandboxPolicy, workspace: Path) -> None:
    policy = structs.replace(policy, network=NetworkPolicy(reach="all"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = await run_boxed(landlock, policy, f"echo > /dev/tcp/127.0.0.1/{port}", workspace)

    assert ran.exit_code == 0
