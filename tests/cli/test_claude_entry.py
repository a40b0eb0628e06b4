"""The program under the name that other programs look for."""

from pathlib import Path

import pytest

from tianting.cli import claude_entry
from tianting.cli.main import run
from tianting.cli.program import Program
from tianting.protocol.compatible_version import COMPATIBLE_VERSION

NOWHERE = ("-p", "Hi.", "--model", "scripted:gone")
CLAUDE = Program(name="tianting-claude", version="2 (Claude Code)")


@pytest.fixture
def no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_says_the_version_that_clients_expect(
    flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["tianting-claude", flag])
    monkeypatch.setattr("os.environ", {"HOME": "/nowhere"})

    claude_entry.main()

    assert capsys.readouterr().out == f"{COMPATIBLE_VERSION} (Claude Code)\n"


@pytest.mark.parametrize(
    ("environment", "settled"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"CLAUDE_CONFIG_DIR": ""}, {"CLAUDE_CONFIG_DIR": ""}, id="empty"),
        pytest.param(
            {"CLAUDE_CONFIG_DIR": "/c", "TIANTING_HOME": "/t"},
            {"CLAUDE_CONFIG_DIR": "/c", "TIANTING_HOME": "/c"},
            id="above our own",
        ),
    ],
)
def test_keeps_things_where_they_are_looked_for(environment: dict[str, str], settled: dict[str, str]) -> None:
    claude_entry.settle(environment)

    assert environment == settled


@pytest.mark.parametrize(
    ("environment", "defaults"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"ANTHROPIC_MODEL": " "}, {}, id="blank"),
        pytest.param({"ANTHROPIC_MODEL": "opus"}, {"model": "opus"}, id="model"),
    ],
)
def test_variable_stands_for_an_option(environment: dict[str, str], defaults: dict[str, str]) -> None:
    assert claude_entry.defaults(environment) == defaults


@pytest.mark.usefixtures("tianting", "no_input")
def test_complaints_carry_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-p", ""], CLAUDE) == 2
    assert capsys.readouterr().err == (
        'tianting-claude: There is no prompt: write tianting-claude -p "what to do", or pipe it in.\n'
    )
    assert run([*NOWHERE, "--permission-mode", "auto"], CLAUDE) == 2
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["tianting-claude"] * 2
    assert run(["-p", "--version"], CLAUDE) == 0
    assert capsys.readouterr().out == "2 (Claude Code)\n"


@pytest.mark.usefixtures("tianting", "no_input")
@pytest.mark.parametrize(
    ("arguments", "model"),
    [
        pytest.param(("-p", "Hi."), "scripted:gone", id="nothing else said"),
        pytest.param(("-p", "Hi.", "--settings", '{"model": "opus"}'), "scripted:gone", id="above the settings"),
        pytest.param(("-p", "Hi.", "--model", "scripted:lost"), "scripted:lost", id="below the flag"),
    ],
)
def test_defaults_stand_between_flags_and_settings(
    arguments: tuple[str, ...], model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(name="tianting-claude", version="2", defaults={"model": "scripted:gone"})

    assert run(arguments, program) == 2
    assert capsys.readouterr().err.startswith(f"tianting-claude: {Path(model.removeprefix('scripted:'))}: cannot be")
