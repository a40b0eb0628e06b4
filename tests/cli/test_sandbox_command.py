"""`tianting sandbox check`: a table, an exit code, and lines for programs."""

import msgspec
import pytest

from tests.cli.conftest import CommandLine
from tianting.sandbox.check import CheckResult
from tianting.sandbox.confinement import Confinement
from tianting.sandbox.policy import SandboxPolicy

HELD = CheckResult(name="write outside", held=True, sentence="It was refused, as it should.")
BROKEN = CheckResult(name="read a secret", held=False, sentence="It worked, and should not.")


def attack_with(monkeypatch: pytest.MonkeyPatch, *results: CheckResult) -> list[SandboxPolicy]:
    seen: list[SandboxPolicy] = []

    async def check(confinement: Confinement, policy: SandboxPolicy) -> list[CheckResult]:
        seen.append(policy)
        return list(results)

    monkeypatch.setattr("tianting.cli.sandbox.check", check)
    return seen


def test_what_holds_and_what_fails_is_shown(tianting: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    attack_with(monkeypatch, HELD, BROKEN)

    told = tianting("sandbox", "check")

    assert (told.code, told.stderr) == (1, "")
    assert told.stdout.splitlines()[:2] == [
        "holds  write outside         It was refused, as it should.",
        "FAILS  read a secret         It worked, and should not.",
    ]


def test_lines_for_programs(tianting: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    attack_with(monkeypatch, HELD)

    told = tianting("sandbox", "check", "--json")

    assert told.code == 0
    assert msgspec.json.decode(told.stdout, type=CheckResult) == HELD


def test_policy_of_the_settings_is_attacked(tianting: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = attack_with(monkeypatch, HELD)

    tianting("sandbox", "check", "--settings", '{"sandbox": {"network": {"allowedDomains": ["example.org"]}}}')

    assert [policy.network.allowed for policy in seen] == [("example.org",)]


def test_machine_without_room_is_said_in_a_line(tianting: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(confinement: Confinement, policy: SandboxPolicy) -> list[CheckResult]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tianting.cli.sandbox.check", check)

    told = tianting("sandbox", "check")

    assert (told.code, told.stderr) == (
        2, "tianting: The sandbox cannot be attacked here: [Errno 28] No space left on device.\n",
    )  # fmt: skip
