"""What is started for a brief: a table of command lines, and what a person is told where nothing can be."""

import sys
from pathlib import Path

import pytest
from msgspec import structs

from tianting.fleet.drivers.driver import Abilities, Brief, DriverError, Launch
from tianting.fleet.drivers.echo import echo_driver
from tianting.fleet.drivers.stream_json import CLAUDE, TIANTING, StreamJsonDriver

PROTOCOL = (
    *("--input-format", "stream-json", "--output-format", "stream-json", "--verbose"),
    *("--include-partial-messages", "--replay-user-messages", "--permission-prompt-tool", "stdio"),
)
BRIEF = Brief(window_id="w", generation=1, cwd="/work", conversation_id="c1", environment={"PATH": "/nowhere"})


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    for name in ("claude", "other"):
        (tmp_path / name).touch(mode=0o755)
    return tmp_path


def test_our_own_is_forked_unless_a_program_is_named(programs: Path) -> None:
    driver = StreamJsonDriver(TIANTING)
    states = {"CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1", "CLAUDE_CODE_SDK_READS_SESSION_STATE": "1"}

    assert driver.launch(BRIEF) == Launch(
        argv=(*PROTOCOL, "--session-id", "c1"), native=True, environment={**states, "PATH": "/nowhere"}, cwd="/work"
    )
    executed = driver.launch(structs.replace(BRIEF, program=str(programs / "other")))
    assert (executed.native, executed.argv[0]) == (False, str(programs / "other"))


def test_claude_is_found_and_kept_quiet(programs: Path) -> None:
    driver = StreamJsonDriver(CLAUDE)

    launch = driver.launch(structs.replace(BRIEF, environment={"PATH": str(programs), "DISABLE_TELEMETRY": "0"}))
    named = driver.launch(structs.replace(BRIEF, environment={"CLAUDE_PATH": str(programs / "other")}))

    assert launch.argv == (str(programs / "claude"), "-p", *PROTOCOL, "--session-id", "c1")
    assert not launch.native
    assert (launch.environment["DISABLE_AUTOUPDATER"], launch.environment["DISABLE_TELEMETRY"]) == ("1", "0")
    assert named.argv[0] == str(programs / "other")


@pytest.mark.parametrize(
    ("wishes", "flags"),
    [
        pytest.param({"resume": True}, ("--resume=c1",), id="go on"),
        pytest.param({"copy_of": "c0"}, ("--resume=c0", "--fork-session", "--session-id", "c1"), id="copy"),
        pytest.param(
            {"model": "m", "permission_mode": "plan", "system_prompt": "", "arguments": ("--max-turns", "3")},
            (
                *("--session-id", "c1", "--model", "m", "--permission-mode", "plan"),
                *("--append-system-prompt", "", "--max-turns", "3"),
            ),
            id="all that can be wished",
        ),
    ],
)
def test_wishes_become_flags(wishes: dict[str, object], flags: tuple[str, ...]) -> None:
    brief = structs.replace(BRIEF, **wishes)

    assert StreamJsonDriver(TIANTING).launch(brief).argv == (*PROTOCOL, *flags)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        pytest.param(
            None,
            "There is no program 'claude' that can be run. Install it (npm install -g @anthropic-ai/claude-code), "
            "or name its path.",
            id="not on the path",
        ),
        pytest.param(
            "/nowhere/claude",
            "There is no program '/nowhere/claude' that can be run. Install it (npm install -g "
            "@anthropic-ai/claude-code), or name its path.",
            id="named",
        ),
    ],
)
def test_missing_program_says_what_to_install(program: str | None, message: str) -> None:
    with pytest.raises(DriverError) as caught:
        StreamJsonDriver(CLAUDE).launch(structs.replace(BRIEF, program=program))

    assert str(caught.value) == message


def test_echo_is_a_program_of_this_python() -> None:
    launch = echo_driver().launch(BRIEF)

    assert launch.argv[:3] == (sys.executable, "-m", "tianting.testing.echo_agent")
    assert not launch.native


def test_kinds_and_what_they_can_do() -> None:
    drivers = (StreamJsonDriver(TIANTING), StreamJsonDriver(CLAUDE), echo_driver())

    assert [driver.kind for driver in drivers] == ["tianting", "claude", "echo"]
    assert drivers[0].abilities == Abilities(
        resume=True, fork=True, standby=True, interrupt=True, approvals=True, usage=True, probe=True, steering=True
    )
