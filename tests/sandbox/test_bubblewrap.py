"""The policy as arguments: pure, so its tests are tables."""

import pytest

from tianting.sandbox.bubblewrap import Kind, Mount, Standing, bubblewrap_options, options_of_command, plan, unprotected
from tianting.sandbox.policy import NetworkPolicy, SandboxPolicy

STANDING: dict[str, Standing] = {
    "/run": "directory",
    "/var/run": "link",
    "/tmp": "directory",
    "/run/systemd/resolve/resolv.conf": "file",
    "/work": "directory",
    "/work/.git": "directory",
    "/work/.git/hooks": "directory",
    "/work/.envrc": "link",
    "/home": "directory",
    "/home/me": "directory",
    "/home/me/.ssh": "directory",
    "/home/me/.ssh/known_hosts": "file",
    "/home/me/.netrc": "file",
    "/home/me/work": "directory",
}


def mount(path: str, kind: Kind, source: str = "") -> Mount:
    return Mount(path=path, kind=kind, source=source)


RUN, TMP = mount("/run", "hidden"), mount("/tmp", "scratch")


def look(path: str) -> Standing:
    return STANDING.get(path, "missing")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(SandboxPolicy(), [RUN, TMP], id="nothing"),
        pytest.param(SandboxPolicy(private_tmp="/s"), [RUN, mount("/tmp", "scratch", "/s")], id="a directory for /tmp"),
        pytest.param(SandboxPolicy(writable=("/work", "/gone")), [RUN, TMP, mount("/work", "writable")], id="write"),
        pytest.param(
            SandboxPolicy(writable=("/work",), read_only=("/work/.git/hooks", "/work/.vscode")),
            [
                RUN,
                TMP,
                mount("/work", "writable"),
                mount("/work/.git", "writable"),
                mount("/work/.git/hooks", "read_only"),
            ],
            id="the way to a protected path",
        ),
        pytest.param(
            SandboxPolicy(writable=("/work",), hidden=("/work/.git/config",)),
            [RUN, TMP, mount("/work", "writable")],
            id="nothing hides what is not there",
        ),
        pytest.param(
            SandboxPolicy(writable=("/work",), hidden=("/work/.git/hooks",)),
            [
                RUN,
                TMP,
                mount("/work", "writable"),
                mount("/work/.git", "writable"),
                mount("/work/.git/hooks", "hidden"),
            ],
            id="the way to a hidden path cannot be moved away",
        ),
        pytest.param(
            SandboxPolicy(writable=("/home/me/work",), hidden=("/home", "/home/me/work")),
            [mount("/home", "hidden"), RUN, TMP, mount("/home/me/work", "hidden")],
            id="at one path hidden wins",
        ),
        pytest.param(
            SandboxPolicy(
                writable=("/home/me/work",), read_only=("/home/me/.ssh/known_hosts",), hidden=("/home/me/.ssh",)
            ),
            [
                RUN,
                TMP,
                mount("/home/me/.ssh", "hidden"),
                mount("/home/me/work", "writable"),
                mount("/home/me/.ssh/known_hosts", "read_only"),
            ],
            id="the longest path decides",
        ),
        pytest.param(
            SandboxPolicy(network=NetworkPolicy(reach="all")),
            [RUN, TMP, mount("/run/systemd/resolve/resolv.conf", "read_only")],
            id="the resolver's file where there is a network",
        ),
    ],
)
def test_plan(policy: SandboxPolicy, expected: list[Mount]) -> None:
    assert list(plan(policy, look)) == expected


def test_argv_of_an_ordinary_policy() -> None:
    policy = SandboxPolicy(writable=("/work",), hidden=("/home/me/.ssh", "/home/me/.netrc"), unset=("TOKEN",))

    assert bubblewrap_options(policy, look) == [
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--cap-drop", "ALL", "--unshare-net", "--disable-userns"),
        *("--unsetenv", "TOKEN"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"),
        *("--perms", "0000", "--tmpfs", "/run"),
        *("--perms", "1777", "--tmpfs", "/tmp"),
        *("--bind", "/work", "/work"),
        *("--ro-bind", "/dev/null", "/home/me/.netrc"),
        *("--perms", "0000", "--tmpfs", "/home/me/.ssh"),
        *("--remount-ro", "/run", "--remount-ro", "/home/me/.ssh"),
    ]
    assert options_of_command(cwd="/work", filter_descriptor=7) == ["--seccomp", "7", "--chdir", "/work"]


@pytest.mark.parametrize(
    ("policy", "present", "absent"),
    [
        pytest.param(SandboxPolicy(network=NetworkPolicy(reach="all")), [], ["--unshare-net"], id="network"),
        pytest.param(SandboxPolicy(nested_namespaces=True), [], ["--disable-userns"], id="nested"),
        pytest.param(SandboxPolicy(files_confined=False), ["--dev-bind"], ["--tmpfs"], id="files as they are"),
        pytest.param(SandboxPolicy(writable=("/",)), ["--bind"], [], id="everything writable"),
        pytest.param(
            SandboxPolicy(hidden=("/home",), writable=("/home/me/work",)),
            ["0111"],
            [],
            id="a way through",
        ),
        pytest.param(SandboxPolicy(private_tmp="/s"), ["/s"], [], id="a directory for /tmp"),
    ],
)
def test_argv_follows_policy(policy: SandboxPolicy, present: list[str], absent: list[str]) -> None:
    argv = bubblewrap_options(policy, lambda path: "directory" if path == "/" else look(path))

    assert [word for word in present if word not in argv] == []
    assert [word for word in absent if word in argv] == []


def test_what_no_mount_can_protect_is_named() -> None:
    paths = ("/work/.vscode", "/work/.envrc", "/work/.git/hooks", "/work/new/.git/config", "/elsewhere")
    policy = SandboxPolicy(writable=("/work",), read_only=paths)

    assert unprotected(policy, look) == ("/work/.vscode", "/work/.envrc")
