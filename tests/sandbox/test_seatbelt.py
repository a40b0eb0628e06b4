"""The profile for macOS, as text: nobody ran it on a Mac yet."""

from pathlib import Path

import pytest

from tianting.sandbox.abilities import Abilities
from tianting.sandbox.confinement import Confinement, choose
from tianting.sandbox.policy import NetworkPolicy, SandboxPolicy
from tianting.sandbox.seatbelt import seatbelt_argv


def test_last_rule_decides_so_denials_come_last() -> None:
    policy = SandboxPolicy(writable=("/work",), read_only=("/work/.git/hooks",), hidden=('/Users/me/"odd\\"',))

    program, option, profile = seatbelt_argv(policy)

    lines = profile.splitlines()
    assert (program, option) == ("/usr/bin/sandbox-exec", "-p")
    assert [line for line in lines if "/work" in line or "odd" in line or "network" in line] == [
        '(allow file-write* (subpath "/work"))',
        '(deny file-write* (subpath "/work/.git/hooks"))',
        '(deny file-read* file-write* (subpath "/Users/me/\\"odd\\\\\\""))',
        "(deny network*)",
    ]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(SandboxPolicy(network=NetworkPolicy(reach="all")), [], id="all"),
        pytest.param(
            SandboxPolicy(all_unix_sockets=True),
            ["(deny network*)", "(allow network* (remote unix-socket))"],
            id="unix",
        ),
        pytest.param(
            SandboxPolicy(unix_sockets=("/s",)),
            ["(deny network*)", '(allow network* (remote unix-socket (path "/s")))'],
            id="one socket",
        ),
    ],
)
def test_network(policy: SandboxPolicy, expected: list[str]) -> None:
    assert [line for line in seatbelt_argv(policy)[2].splitlines() if "network" in line] == expected


def test_files_left_as_they_are_have_no_rules() -> None:
    assert "file-" not in seatbelt_argv(SandboxPolicy(files_confined=False))[2]


def test_macos_chooses_it_and_says_that_it_is_untested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")

    found = choose({}).abilities

    assert (found.mechanism, "untested" in found.reason) == ("seatbelt", True)


def test_command_follows_the_profile() -> None:
    wrapped = Confinement(Abilities(mechanism="seatbelt")).wrap(["true"], SandboxPolicy(), cwd=Path("/"))

    assert (wrapped.argv[4], wrapped.argv[-1], wrapped.keep_open) == ("/usr/bin/sandbox-exec", "true", ())
