"""`tianting hooks` lists hooks and tries them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import CommandLine

GUARD = {"matcher": "Bash", "hooks": [{"type": "command", "command": "grep -q rm && { echo Never. >&2; exit 2; }"}]}
RM = '{"tool_name": "Bash", "tool_input": {"command": "rm -r build"}}'
LS = '{"tool_name": "Bash", "tool_input": {"command": "ls"}}'


def write(path: Path, **settings: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(settings))


def says(json: str, **more: Any) -> dict[str, Any]:
    return {"hooks": [{"type": "command", "command": f"echo '{json}'", **more}]}


def test_no_hooks_yet(tianting: CommandLine) -> None:
    assert tianting("hooks", "list").stdout == "There are no hooks.\n"
    tried = tianting("hooks", "test", "PreToolUse", "--input", RM)
    assert tried.stdout == "No hook that counts waits for this: `tianting hooks list` shows all.\n"


def test_hooks_are_listed_with_their_places_and_whether_they_count(tianting: CommandLine, home: Path) -> None:
    write(home / "settings.json", hooks={"PreToolUse": [GUARD], "Elsewhere": [says("{}")]})
    write(Path(".tianting/settings.json"), hooks={"Stop": [{"hooks": [{"type": "command", "command": "make"}]}]})

    told = tianting("hooks", "list").stdout.splitlines()
    as_json = [msgspec.json.decode(line) for line in tianting("hooks", "list", "--json").stdout.splitlines()]

    assert f"PreToolUse          Bash            {GUARD['hooks'][0]['command']}" in told[0]  # type: ignore[index]
    assert told[0].endswith(f"{home}/settings.json:1:25")
    assert "there is no such event here" in told[1]
    assert told[2].endswith("settings.json:1:19    [waits for trust]")
    assert [one["state"] for one in as_json][::2] == ["counts", "waits for trust"]


def test_disabled_and_malformed_hooks_are_listed_as_such(tianting: CommandLine, home: Path) -> None:
    write(home / "settings.json", hooks={"PreToolUse": [GUARD, {"hooks": 3}]}, disableAllHooks=True)

    first, second = tianting("hooks", "list").stdout.splitlines()

    assert first.endswith("[disabled by disableAllHooks]")
    assert "hooks.PreToolUse[0]: Expected `array`, got `int`" in second


@pytest.mark.parametrize(
    ("group", "given", "lines"),
    [
        pytest.param(GUARD, RM, ["exit code 2", "refuses: Never."], id="refused"),
        pytest.param({**GUARD, "matcher": "Edit"}, RM, ["does not run: "], id="another tool"),
        pytest.param(
            says('{"hookSpecificOutput": {"permissionDecision": "allow", "updatedInput": {"command": "pwd"}}}'),
            LS,
            ["exit code 0", "permission: allow", 'changes the input to: {"command":"pwd"}'],
            id="changed",
        ),
        pytest.param(says("{}", **{"if": "Bash(ls)"}), LS, ["exit code 0", "lets it happen"], id="condition holds"),
        pytest.param(says("{}", **{"if": "Bash(ls)"}), RM, ["does not run: "], id="condition does not hold"),
        pytest.param(
            says('{"continue": false, "stopReason": "Enough.", "systemMessage": "Hi."}'),
            LS,
            ["exit code 0", "ends the turn: Enough.", "tells you: Hi."],
            id="ended",
        ),
    ],
)
def test_hooks_are_tried(
    tianting: CommandLine, home: Path, group: dict[str, Any], given: str, lines: list[str]
) -> None:
    write(home / "settings.json", hooks={"PreToolUse": [group]})

    _, *told = tianting("hooks", "test", "PreToolUse", "--input", given).stdout.splitlines()

    assert len(told) == len(lines)
    assert all(line.strip().startswith(wanted) for line, wanted in zip(told, lines, strict=True))


def test_hooks_are_tried_together_on_what_stands_in_a_file(tianting: CommandLine, home: Path) -> None:
    write(home / "settings.json", hooks={"PreToolUse": [GUARD, says('{"systemMessage": "Hi."}')]})
    Path("event.json").write_text(RM)

    told = tianting("hooks", "test", "PreToolUse", "--input", "event.json").stdout.splitlines()
    as_json = msgspec.json.decode(tianting("hooks", "test", "PreToolUse", "--input", "event.json", "--json").stdout)

    assert told[-1] == "Together: refuses: Never.; tells you: Hi."
    assert (len(as_json["trials"]), as_json["outcome"]["blocked"]) == (2, "Never.")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(("Nothing",), "There is no event 'Nothing'. Events: ConfigChange", id="event"),
        pytest.param(("Stop", "--input", "[1]"), "--input: '[1]' is neither JSON nor a file", id="file"),
        pytest.param(("Stop", "--input", "{"), "--input is no JSON object", id="json"),
        pytest.param(("PreToolUse",), "The hook input cannot be read: Object missing required field", id="field"),
    ],
)
def test_what_cannot_be_tried_is_one_line(tianting: CommandLine, arguments: tuple[str, ...], complaint: str) -> None:
    told = tianting("hooks", "test", *arguments)

    assert (told.code, told.stderr.count("\n")) == (2, 1)
    assert told.stderr.startswith(f"tianting: {complaint}")
