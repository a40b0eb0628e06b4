"""The commands beside the prompt, and what every command line has in common."""

from pathlib import Path

import msgspec
import pytest
from click import Abort

from tests.cli.conftest import CommandLine, Ran
from tianting import __version__
from tianting.cli.entry import main
from tianting.cli.main import run
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import SessionError
from tianting.protocol.events import TurnStarted
from tianting.protocol.ids import random_uuid
from tianting.protocol.messages import user_text
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.places import projects_directory, transcript_path

ID = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_shows_options_and_commands(tianting: CommandLine, flag: str) -> None:
    told = tianting(flag)

    assert (told.code, told.stderr) == (0, "")
    for word in ("[PROMPT]", "--permission-mode", "--output-format", "-h, --help", "completion", "demo", "models"):
        assert word in told.stdout
    assert "..." not in told.stdout  # nothing is cut


@pytest.mark.parametrize("command", ["completion", "config", "demo", "models", "permissions", "sessions", "trust"])
def test_each_command_explains_itself(tianting: CommandLine, command: str) -> None:
    told = tianting(command, "--help")

    assert (told.code, told.stdout.startswith(f"Usage: tianting {command}")) == (0, True)


def test_version_behind_other_options(tianting: CommandLine) -> None:
    assert tianting("-p", "--version") == Ran(0, f"{__version__} (Tianting)\n", "")


@pytest.mark.parametrize("flag", ["-v", "--version"])
def test_version_alone_needs_no_command_line(
    flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["tianting", flag])

    main()

    assert capsys.readouterr().out == f"{__version__} (Tianting)\n"


def test_models_are_listed_with_windows_and_prices(tianting: CommandLine) -> None:
    told = tianting("models")

    assert told.code == 0
    assert "claude-sonnet-5-5        1,000,000  128,000        2       10" in told.stdout.splitlines()
    assert "PROVIDER/MODEL, with one of anthropic, azure" in told.stdout


def test_models_of_the_settings_are_listed_too(tianting: CommandLine) -> None:
    settings = '{"models": {"mine": {"contextWindow": 5000}}, "providers": {"box": {"baseUrl": "http://box/v1"}}}'

    told = tianting("models", "--settings", settings)
    as_json = tianting("models", "--json", "--settings", settings)

    assert "azure, box, deepseek" in told.stdout
    facts = {fact["id"]: fact for fact in map(msgspec.json.decode, as_json.stdout.splitlines())}
    assert facts["mine"]["context_window"] == 5000


def test_no_sessions_yet(tianting: CommandLine) -> None:
    assert tianting("sessions") == Ran(
        0, "There are no sessions here; `tianting sessions --all` shows those of other projects.\n", ""
    )
    assert tianting("sessions", "--all") == Ran(0, "There are no sessions.\n", "")
    assert tianting("-r").stdout.startswith("There are no sessions here")


def test_sessions_are_listed(tianting: CommandLine, home: Path) -> None:
    store(home, str(Path.cwd()), "Mend\tthe \x1b[31mgreeting.")
    store(home, "/elsewhere", "Something else.")

    here, everywhere, as_json = tianting("sessions"), tianting("sessions", "--all"), tianting("sessions", "--json")

    line, _, advice = here.stdout.splitlines()
    assert line.startswith(ID)
    assert "Mend the" in line
    assert "\x1b" not in line
    assert advice == "Go on with one: tianting -r ID"
    assert "Something else.  /elsewhere" in everywhere.stdout
    assert msgspec.json.decode(as_json.stdout)["session_id"] == ID


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_for_each_shell(tianting: CommandLine, shell: str) -> None:
    told = tianting("completion", shell)

    assert (told.code, "_TIANTING_COMPLETE" in told.stdout) == (0, True)


def test_unknown_shell_is_told_the_known_ones(tianting: CommandLine) -> None:
    told = tianting("completion", "tcsh")

    assert (told.code, told.stderr) == (
        2,
        "tianting: Invalid value for 'SHELL': 'tcsh' is not one of 'bash', 'zsh', 'fish'.\n",
    )


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(["tianting", "se"], ["sessions"], id="command"),
        pytest.param(["tianting", "--mod"], ["--model"], id="option"),
        pytest.param(["tianting", "-p", "--permission-m"], ["--permission-mode"], id="later option"),
        pytest.param(["tianting", "--effort", ""], ["low", "medium", "high", "xhigh", "max"], id="value"),
        pytest.param(["tianting", "sessions", "--a"], ["--all"], id="option of a command"),
    ],
)
def test_words_are_completed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], offered: list[str]
) -> None:
    monkeypatch.setenv("_TIANTING_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))

    with pytest.raises(SystemExit, match="0"):
        run([])
    assert capsys.readouterr().out.splitlines() == [f"plain,{word}" for word in offered]


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        pytest.param(KeyboardInterrupt(), 130, "", id="interrupt"),
        pytest.param(Abort(), 130, "", id="abort"),
        pytest.param(SessionError("It is gone."), 1, "tianting: It is gone.\n", id="foreseen"),
        pytest.param(
            ExceptionGroup("tasks", [ExceptionGroup("more", [SessionError("It is gone.")])]),
            1,
            "tianting: It is gone.\n",
            id="foreseen, out of tasks",
        ),
        pytest.param(OSError(28, "No space"), 1, "tianting: The system says: No space.\n", id="system"),
        pytest.param(OSError(2, "Gone", "a.txt"), 1, "tianting: The system says: Gone (a.txt).\n", id="file"),
        pytest.param(
            ZeroDivisionError("by zero"),
            1,
            "tianting: ZeroDivisionError: by zero. This is a bug; run again with --debug to see where.\n",
            id="bug",
        ),
    ],
)
def test_whatever_ends_it_is_one_line_and_a_code(
    tianting: CommandLine, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, told: str
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr("tianting.cli.models.model_catalogue", fail)

    ran = tianting("models")

    assert (ran.code, ran.stderr.lstrip("\n")) == (code, told)


def test_debug_shows_where(tianting: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("tianting.cli.prompt.check", fail)

    assert "Traceback" in tianting("-p", "Hi.", "--debug").stderr
    assert "Traceback" not in tianting("-p", "Hi.").stderr


def test_closed_output_ends_quietly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("tianting.cli.models.model_catalogue", fail)
    monkeypatch.setattr("sys.stdout", None)  # given back afterwards

    assert run(["models"]) == 1


def store(home: Path, cwd: str, prompt: str) -> None:
    path = transcript_path(projects_directory(home), cwd, ID)
    log = SessionLog(path, Stamp(session_id=ID, cwd=cwd, version="0"), SystemClock(), random_uuid)
    log.record(TurnStarted(uuid=random_uuid(), prompt=user_text(prompt)))
    log.close()
