"""The console scripts understand their arguments, and say what they did not understand."""

import io
import re

import anyio
import anyio.to_thread
import pytest

from tests.daemon.talks import PlayedTalks, listening, piecemeal
from tianting.cli import daemon_client_entry
from tianting.cli.daemon_scripts import translated

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("arguments", "translation"),
    [
        pytest.param([], ["daemon", "start", "--foreground"], id="serves here"),
        pytest.param(["--daemon"], ["daemon", "start"], id="in the background"),
        pytest.param(["--health"], ["daemon", "health"], id="health"),
        pytest.param(["--check", "--socket", "/s"], ["daemon", "check", "--socket", "/s"], id="check there"),
        pytest.param(["--socket=/s"], ["daemon", "start", "--foreground", "--socket=/s"], id="serves there"),
        pytest.param(["--help"], [], id="help"),
        pytest.param(["--socket"], None, id="no path"),
        pytest.param(["--daemon", "--health"], None, id="two at once"),
        pytest.param(["--nonsense"], None, id="nonsense"),
    ],
)
def test_codex_daemon(arguments: list[str], translation: list[str] | None) -> None:
    assert translated(arguments) == translation


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param([], "Say what to do: ask, config", id="nothing"),
        pytest.param(["dance"], "Say what to do: ask, config", id="no such word"),
        pytest.param(["ask"], "`ask` needs a question.", id="no question"),
        pytest.param(["status", "x"], "`status` takes nothing.", id="too much"),
        pytest.param(["config", "a", "b"], "`config` takes one value.", id="two values"),
        pytest.param(["--timeout", "soon", "ask", "x"], "--timeout takes seconds, not 'soon'.", id="no number"),
        pytest.param(["--socket"], "--socket needs a value.", id="no path"),
        pytest.param(["--nonsense", "ask"], "There is no option --nonsense.", id="no such option"),
    ],
)
def test_tianting_codex_refuses(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = daemon_client_entry.run(arguments, {})

    said = capsys.readouterr().err
    assert (code, said.startswith(f"tianting-codex: {told}")) == (2, True)
    assert said.endswith(" See `tianting-codex --help`.\n")


def test_tianting_codex_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert daemon_client_entry.run(["--help"], {}) == 0
    assert capsys.readouterr().out == daemon_client_entry.USAGE


@pytest.mark.parametrize(
    ("options", "out"),
    [
        pytest.param([], "one two\n", id="answer"),
        pytest.param(["--stream"], "onetwo\n", id="pieces"),
        pytest.param(
            ["--json", "--stream"],
            '{"delta": "one"}\n{"delta": "two"}\n{"success": true, "response": "one two", "conversation": "c"}\n',
            id="lines",
        ),
    ],
)
async def test_answer_is_printed(options: list[str], out: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with listening(PlayedTalks(piecemeal)) as place:
        arguments = [*options, "--socket", str(place.path), "--conversation=c", "ask", "one", "two"]
        with anyio.fail_after(10):
            code = await anyio.to_thread.run_sync(daemon_client_entry.run, arguments, {})

    told = re.sub(', "id": "[0-9a-f]+"', "", capsys.readouterr().out)
    assert (code, told) == (0, out)


async def test_question_is_read_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe"))
    talks = PlayedTalks()
    async with listening(talks) as place:
        environment = {"TIANTING_CODEX_SOCKET": str(place.path), "TIANTING_CODEX_CONVERSATION": "mine"}
        with anyio.fail_after(10):
            await anyio.to_thread.run_sync(daemon_client_entry.run, ["ask", "-"], environment)

    [(question, name, _)] = talks.asked
    assert (question.question, name, capsys.readouterr().out) == ("from a pipe", "mine", "from a pipe\n")
