"""The shell tells where it ended up, and the command notices nothing of it."""

import os
from pathlib import Path

import anyio
import pytest

from tianting.tools.shell.launch import find_shell, start_shell

pytestmark = pytest.mark.anyio

ENVIRONMENT = {"PATH": os.environ["PATH"]}


async def run(shell: str, command: str, cwd: Path, **variables: str) -> tuple[str, int, Path | None]:
    started = start_shell(shell, command, cwd=cwd, environment=ENVIRONMENT | variables)
    group, report = started.group, started.report
    output = b""
    with anyio.fail_after(5):
        while data := await group.read():
            output += data
        code = await group.wait()
    directory = report.read()
    report.close()
    group.close()
    return output.decode(), code, directory


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "sub dir").mkdir()
    return tmp_path.resolve()


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize(
    ("command", "output", "code", "ends_in"),
    [
        pytest.param("true", "", 0, ".", id="stays"),
        pytest.param("cd 'sub dir'", "", 0, "sub dir", id="moves"),
        pytest.param("cd 'sub dir'; exit 4", "", 4, "sub dir", id="exits"),
        pytest.param("set -e; cd 'sub dir'; false; echo no", "", 1, "sub dir", id="set -e"),
        pytest.param("cd 'sub dir' && (cd /; exit 3)", "", 3, "sub dir", id="subshell moves alone"),
        pytest.param("pwd() { echo /; }; cd 'sub dir'", "", 0, "sub dir", id="pwd redefined"),
        pytest.param("set -C; exec >/dev/null; cd 'sub dir'", "", 0, "sub dir", id="output redirected"),
        pytest.param("exec 3>out 4>&3 9>&3; cd 'sub dir'; cat ../out", "", 0, "sub dir", id="own descriptors"),
        pytest.param("cd 'sub dir'; exec echo x", "x\n", 0, None, id="exec tells nothing"),
        pytest.param("trap 'echo mine' EXIT; cd /; exit 5", "mine\n", 5, None, id="own trap tells nothing"),
        pytest.param("kill -KILL $$", "", -9, None, id="killed tells nothing"),
        pytest.param(r"for fd in /dev/fd/1??; do printf '/\0x' >$fd; done", "", 0, None, id="not a path"),
    ],
)
async def test_directory_is_told(
    shell: str, command: str, output: str, code: int, ends_in: str | None, here: Path
) -> None:
    expected = None if ends_in is None else here / ends_in

    assert await run(shell, command, here) == (output, code, expected)


@pytest.mark.parametrize(
    ("command", "output", "code"),
    [
        pytest.param("set -x; cd /", "+ cd /\n", 0, id="trace"),
        pytest.param(
            'echo a\necho "b', "a\nbash: -c: line 2: unexpected EOF while looking for matching `\"'\n", 2, id="quote"
        ),
        pytest.param("echo $# $LINENO $BASH_ENV", "0 1\n", 0, id="arguments, line numbers, BASH_ENV"),
        pytest.param("ls /dev/fd/101", "ls: cannot access '/dev/fd/101': No such file or directory\n", 2, id="files"),
    ],
)
async def test_command_notices_nothing(command: str, output: str, code: int, here: Path) -> None:
    said, exit_code, _ = await run("bash", command, here)

    assert (said, exit_code) == (output, code)


@pytest.mark.parametrize(
    ("startup", "output"),
    [
        pytest.param("hello() { echo hello; }", "hello\n", id="readable"),
        pytest.param(None, "bash: line 1: hello: command not found\n", id="missing"),
    ],
)
async def test_own_startup_file_is_read(startup: str | None, output: str, here: Path) -> None:
    path = here / "it's mine.sh"
    if startup:
        path.write_text(startup)

    said, _, directory = await run("bash", 'hello; echo "$BASH_ENV"', here, BASH_ENV=str(path))

    assert (said, directory) == (f"{output}{path}\n", here)


async def test_shell_ends_well_when_nobody_listens(here: Path) -> None:
    started = start_shell("bash", "sleep 0.2; exit 7", cwd=here, environment=ENVIRONMENT)
    group, report = started.group, started.report
    assert report.read() is None
    report.close()

    with anyio.fail_after(5):
        assert await group.wait() == 7
    group.close()


async def test_failed_start_leaks_no_descriptor(here: Path) -> None:
    before = list(Path("/proc/self/fd").iterdir())

    with pytest.raises(FileNotFoundError):
        start_shell("bash", "true", cwd=here / "missing", environment=ENVIRONMENT)

    assert list(Path("/proc/self/fd").iterdir()) == before


def test_bash_is_preferred_and_sh_is_enough(tmp_path: Path) -> None:
    only_sh = tmp_path / "bin"
    only_sh.mkdir()
    (only_sh / "sh").symlink_to("/bin/sh")
    empty = tmp_path / "empty"

    found = [find_shell({"PATH": path}) for path in (f"{only_sh}:/bin", str(only_sh), str(empty))]

    assert found == ["bash", "sh", "/bin/sh"]
