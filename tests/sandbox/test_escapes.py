"""Every promise of the sandbox, attacked for real."""

import os
import socket
from pathlib import Path

import pytest
from msgspec import structs

from tests.sandbox.boxed import Ran, run_boxed
from tianting.sandbox.confinement import Confinement
from tianting.sandbox.places import Places, policy_for
from tianting.sandbox.policy import NetworkPolicy, ResourceLimits, SandboxPolicy
from tianting.sandbox.settings import SandboxSettings

pytestmark = pytest.mark.anyio


@pytest.fixture
def home(place: Path) -> Path:
    path = place / "home"
    (path / ".ssh").mkdir(parents=True)
    (path / ".ssh" / "id_ed25519").write_text("PLANTED")
    (path / ".netrc").write_text("PLANTED")
    (path / "notes").write_text("before")
    return path


@pytest.fixture
def policy(workspace: Path, home: Path) -> SandboxPolicy:
    return policy_for(SandboxSettings(), Places(home=str(home), roots=(str(workspace),)))


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("echo x > {home}/notes", id="write outside"),
        pytest.param("ln -s {home}/notes link && echo x > link", id="write through a link"),
        pytest.param("ln {home}/notes hard && echo x > hard", id="write through a hard link"),
        pytest.param("echo x > /proc/1/root{home}/notes", id="write through the root of process 1"),
        pytest.param("echo x > /proc/self/cwd/../home/notes", id="write through proc"),
        pytest.param("mount -o remount,rw /", id="remount"),
        pytest.param("mount -t tmpfs none {home}", id="mount"),
        pytest.param("umount {workspace}", id="unmount"),
        pytest.param("unshare -Ur mount -t tmpfs none {home}", id="a namespace of one's own"),
        pytest.param("unshare -m true", id="a mount namespace of one's own"),
        pytest.param("unshare -U true", id="a user namespace of one's own"),
        pytest.param("grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | grep -v 0000000000000000", id="power"),
        pytest.param("nsenter -t 1 -m true", id="enter a namespace"),
        pytest.param("grep -r PLANTED {home}", id="read a secret"),
        pytest.param("cat {home}/.ssh/id_ed25519 /proc/1/root{home}/.netrc", id="read a secret by its name"),
        pytest.param("chmod 777 {home}/.ssh", id="open what hides a secret"),
        pytest.param("rm -f {home}/.netrc", id="remove what hides a secret"),
        pytest.param("echo x >> .git/config", id="change the git configuration"),
        pytest.param("echo x > .git/hooks/pre-commit", id="write a hook"),
        pytest.param("mv .git .git2", id="exchange the directory of a hook"),
        pytest.param("mv .git/hooks .git/old", id="exchange the hooks"),
        pytest.param("rm -rf .git/hooks && ln -s /tmp .git/hooks", id="link the hooks elsewhere"),
        pytest.param("kill -9 {agent}", id="kill the agent"),
        pytest.param("test -e /proc/{agent}/status", id="see the agent"),
        pytest.param("strace -p {agent}", id="trace the agent"),
        pytest.param("echo 1 > /proc/sys/kernel/randomize_va_space", id="turn a kernel switch"),
        pytest.param("echo h > /proc/sysrq-trigger", id="press a system key"),
        pytest.param("test -w /sys/fs/cgroup && mkdir /sys/fs/cgroup/pids/escape", id="leave the control groups"),
        pytest.param("test -e /dev/sda -o -e /dev/mem -o -e /dev/kmsg", id="devices of the machine"),
        pytest.param("mknod disk b 8 0 && cat disk", id="make a device"),
        pytest.param("ls /run/*", id="sockets of services"),
        pytest.param("echo > /dev/tcp/127.0.0.1/{port}", id="a port of this machine"),
        pytest.param("grep -v Iface /proc/net/route", id="a way out"),  # sends nothing, should a wall ever be broken
        pytest.param("getent hosts example.org", id="a name"),
        pytest.param("python3 -c 'import socket; socket.socket(socket.AF_UNIX)'", id="a Unix socket"),
        pytest.param("su -c true nobody", id="another user"),
    ],
)
async def test_escape_fails(
    command: str, confinement: Confinement, policy: SandboxPolicy, workspace: Path, home: Path
) -> None:
    hooks = sorted((workspace / ".git" / "hooks").iterdir())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = command.format(home=home, workspace=workspace, agent=os.getpid(), port=port)
        ran = await run_boxed(confinement, policy, text, workspace)

    assert ran.exit_code != 0
    assert "PLANTED" not in ran.output
    assert (home / "notes").read_text() == "before"
    assert sorted((workspace / ".git" / "hooks").iterdir()) == hooks


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("echo x > new && mkdir -p a/b && mv new a/b", id="write the workspace"),
        pytest.param("head -1 /etc/passwd >/dev/null", id="read the system"),
        pytest.param("echo x > /tmp/scratch && cat /tmp/scratch", id="a private /tmp"),
        pytest.param("touch /dev/shm/x", id="a private /dev/shm"),
        pytest.param("echo x > a && git add a && git -c user.name=a -c user.email=a@b commit -qm x", id="commit"),
        pytest.param("python3 -c 'import subprocess; subprocess.run([\"true\"], check=True)'", id="start processes"),
        pytest.param("python3 -c 'import socket; socket.socketpair()'", id="talk to oneself"),
        pytest.param(
            'python3 -c \'import socket; s = socket.create_server(("127.0.0.1", 0));'
            " socket.create_connection(s.getsockname())'",
            id="listen on its own loopback",
        ),
    ],
)
async def test_honest_work_is_not_disturbed(
    command: str, confinement: Confinement, policy: SandboxPolicy, workspace: Path
) -> None:
    assert await run_boxed(confinement, policy, command, workspace) == Ran(
        exit_code=0, output="x\n" if "cat" in command else "", note=None
    )


async def test_files_in_shared_memory_and_tmp_stay_inside(
    confinement: Confinement, policy: SandboxPolicy, workspace: Path
) -> None:
    name = f"tianting-escape-{os.getpid()}"

    await run_boxed(confinement, policy, f"touch /dev/shm/{name} /tmp/{name} /var/tmp/{name}", workspace)

    assert [path for path in ("/dev/shm", "/tmp", "/var/tmp") if Path(path, name).exists()] == []


async def test_private_tmp_lives_from_one_command_to_the_next(
    confinement: Confinement, policy: SandboxPolicy, workspace: Path, place: Path
) -> None:
    (place / "scratch").mkdir()
    policy = structs.replace(policy, private_tmp=str(place / "scratch"))

    await run_boxed(confinement, policy, "echo kept > /tmp/a", workspace)
    ran = await run_boxed(confinement, policy, "cat /tmp/a", workspace)

    assert ran == Ran(exit_code=0, output="kept\n", note=None)


async def test_abstract_socket_of_the_machine_is_out_of_reach_even_where_unix_sockets_are_allowed(
    confinement: Confinement, policy: SandboxPolicy, workspace: Path
) -> None:
    name = f"\0tianting-{os.getpid()}"
    policy = structs.replace(policy, all_unix_sockets=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        script = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({name!r})"
        (workspace / "connect.py").write_text(script)
        ran = await run_boxed(confinement, policy, "python3 connect.py", workspace)

    assert "ConnectionRefusedError" in ran.output


async def test_descriptors_of_the_agent_are_not_inherited(
    confinement: Confinement, policy: SandboxPolicy, workspace: Path, home: Path
) -> None:
    with (home / ".netrc").open() as secret:
        os.set_inheritable(secret.fileno(), True)
        ran = await run_boxed(confinement, policy, f"cat <&{secret.fileno()}", workspace)

    assert (ran.exit_code != 0, "PLANTED" in ran.output) == (True, False)


async def test_command_has_no_terminal_to_type_into(
    confinement: Confinement, policy: SandboxPolicy, workspace: Path
) -> None:
    ran = await run_boxed(confinement, policy, "echo x > /dev/tty; ls /dev/pts", workspace)

    assert (ran.exit_code, "No such device" in ran.output) == (0, True)


async def test_typing_into_a_terminal_is_refused_by_the_kernel(
    confinement: Confinement, policy: SandboxPolicy, workspace: Path
) -> None:
    typing = "python3 -c 'import fcntl; fcntl.ioctl(0, 0x5412, b\"x\")'"

    assert "PermissionError" in (await run_boxed(confinement, policy, typing, workspace)).output


async def test_environment_secret_is_unset(confinement: Confinement, policy: SandboxPolicy, workspace: Path) -> None:
    policy = structs.replace(policy, unset=("PATH",))

    assert (await run_boxed(confinement, policy, "env -i true; printenv PATH", workspace)).output == ""


async def test_hook_made_where_none_could_stand_is_taken_back(
    confinement: Confinement, policy: SandboxPolicy, workspace: Path
) -> None:
    for hook in (workspace / ".git" / "hooks").iterdir():
        hook.unlink()
    (workspace / ".git" / "hooks").rmdir()

    ran = await run_boxed(confinement, policy, "mkdir .git/hooks; echo evil > .git/hooks/pre-commit", workspace)

    assert (ran.exit_code, "took back" in (ran.note or "")) == (0, True)
    assert not (workspace / ".git" / "hooks").exists()


@pytest.mark.parametrize(
    ("limits", "command", "words"),
    [
        pytest.param(
            ResourceLimits(memory=100_000_000),
            "python3 -c 'b\"a\" * 10**9'",
            "more than 100 MB of memory",
            id="memory",
        ),
        pytest.param(ResourceLimits(cpu_time=1), "while :; do :; done", "1 s of processor time", id="processor"),
        pytest.param(
            ResourceLimits(processes=20),
            'python3 -c \'import subprocess; [subprocess.Popen(["sleep", "1"]) for _ in range(50)]\'',
            "more than 20 processes",
            id="processes",
        ),
    ],
)
async def test_limit_ends_what_takes_too_much(
    limits: ResourceLimits, command: str, words: str, confinement: Confinement, policy: SandboxPolicy, workspace: Path
) -> None:
    if not confinement.abilities.controllers.version:
        pytest.skip("control groups are not writable here")
    ran = await run_boxed(confinement, structs.replace(policy, limits=limits), command, workspace)

    assert ran.exit_code != 0
    assert words in (ran.note or "")


async def test_all_network_is_the_machines_own(
    confinement: Confinement, policy: SandboxPolicy, workspace: Path
) -> None:
    policy = structs.replace(policy, network=NetworkPolicy(reach="all"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran = await run_boxed(confinement, policy, f"echo > /dev/tcp/127.0.0.1/{port}", workspace)

    assert ran.exit_code == 0
