"""What a person can get wrong before anything happens: one line that says what to do, and no traceback."""

import os
import shutil
from pathlib import Path

import anyio
import pytest

from tests.end_to_end.stage import KEY, PROGRAM, Ended, Stage, playing, until
from tianting.models.scripted import Reply, calls, says
from tianting.session.reading import load

pytestmark = pytest.mark.anyio

WITHOUT_POWERS = () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Root without what lets it ignore permissions."""
SMALL_FILES = ("env", "-u", "COVERAGE_PROCESS_CONFIG", "sh", "-c", 'ulimit -f 32; exec "$@"', "sh")
"""A process that may write no file beyond 16 kB, coverage's included."""
bare_permissions = pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root needs setpriv to be denied anything"
)
ID = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(("-p", "Hi."), "There is no model to ask: set ANTHROPIC_API_KEY or OPENAI_API_KEY", id="no key"),
        pytest.param(("-p", "Hi.", "--model", "gpt-6"), "There is no key for openai: set OPENAI_API_KEY", id="its key"),
        pytest.param(("-p", "Hi.", "--model", "sonet"), "Nobody serves 'sonet'. Did you mean sonnet?", id="model"),
        pytest.param(("-p", "Hi.", "--model", "scripted:gone"), "gone: cannot be read: No such file", id="script"),
        pytest.param(("-p", "--modle", "x", "Hi."), "No such option '--modle'. Did you mean '--model'?", id="option"),
        pytest.param(("-p", "Hi.", "there"), "Got unexpected extra argument (there)", id="two prompts"),
        pytest.param(("-p", ""), 'There is no prompt: write tianting -p "what to do"', id="no prompt"),
        pytest.param(("Hi.",), "There is no terminal to converse in: use -p", id="no terminal"),
        pytest.param(("-p", "Hi.", "--settings", "gone.json"), "gone.json cannot be read: No such file", id="settings"),
        pytest.param(("-p", "Hi.", "--settings", "{"), "Settings in --settings:1:2 are no JSON", id="broken settings"),
        pytest.param(
            ("-p", "Hi.", "--settings", '{"model": 5}'), "model: expected `str | null`, got `int`", id="wrong type"
        ),
        pytest.param(("-p", "Hi.", "--add-dir", "gone"), "Directory 'gone' does not exist", id="directory"),
        pytest.param(("-p", "Hi.", "--mcp-config", "x"), "'x' is neither JSON nor a file", id="MCP"),
    ],
)
async def test_wrong_usage(stage: Stage, arguments: tuple[str, ...], complaint: str) -> None:
    ended = await stage.run(*arguments)

    assert_one_line(ended, 2, complaint)


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        pytest.param(("-r", ID), 1, f"There is no session '{ID}'. This project has none.", id="unknown session"),
        pytest.param(("-r", "last"), 1, "There is no session 'last'", id="no id"),
        pytest.param(("-c",), 1, "There is no session here to go on with", id="nothing to continue"),
        pytest.param(("--tools", "Raed"), 2, "there is no tool Raed. Tools: Bash, BashOutput,", id="tool"),
        pytest.param(("--allowedTools", "Bash()"), 2, "The rule 'Bash()' is not understood.", id="rule"),
        pytest.param(("--json-schema", "[1]"), 2, "--json-schema", id="schema"),
        pytest.param(("--json-schema", '{"type": "array"}'), 2, "the top of the schema must be", id="schema's top"),
        pytest.param(("--settings", '{"maxRetries": -1}'), 2, "maxRetries: expected", id="retries"),
    ],
)
async def test_wrong_with_a_model_at_hand(stage: Stage, arguments: tuple[str, ...], code: int, complaint: str) -> None:
    stage.environment["ANTHROPIC_API_KEY"] = KEY

    ended = await stage.run("-p", "Hi.", *arguments)

    assert_one_line(ended, code, complaint)


async def test_base_url_that_is_none(stage: Stage) -> None:
    stage.environment |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "localhost:8080"}

    assert_one_line(await stage.run("-p", "Hi."), 2, "must begin with http:// or https://")


async def test_directory_that_was_removed(stage: Stage) -> None:
    gone = stage.project.parent / "gone"
    gone.mkdir()
    command = f"cd {gone} && rmdir {gone} && exec {PROGRAM} "
    for arguments in ("-p Hi.", "sessions"):
        done = await anyio.run_process(["sh", "-c", command + arguments], env=stage.environment, check=False)
        ended = Ended(code=done.returncode, stdout=done.stdout.decode(), stderr=done.stderr.decode())
        assert_one_line(ended, 2, "The current directory is gone: change to one that exists.")
        gone.mkdir()


async def test_home_that_is_a_file(stage: Stage) -> None:
    stage.home.write_text("not a directory")
    async with playing(says("Hi.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Hi.")

    assert_one_line(ended, 1, "Cannot save the session to ")


@bare_permissions
async def test_home_that_cannot_be_written(stage: Stage) -> None:
    (stage.home / "projects").mkdir(parents=True)
    (stage.home / "projects").chmod(0o500)
    async with playing(says("Hi.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Hi.", through=WITHOUT_POWERS)
        without = await stage.run("-p", "Hi.", "--no-session-persistence", through=WITHOUT_POWERS)

    assert_one_line(ended, 1, "Permission denied. Make room or access there, then go on.")
    assert (without.code, without.stdout) == (0, "Hi.\n")


@bare_permissions
async def test_directory_that_cannot_be_read(stage: Stage) -> None:
    """Not even a listing: there is less to say to the model, and nothing to fail at."""
    stage.write("note.txt", "here\n")
    stage.project.chmod(0o300)
    async with playing(says("", calls("Glob", pattern="*")), says("I cannot look.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Look.", through=WITHOUT_POWERS)
    stage.project.chmod(0o700)

    assert (ended.code, ended.stdout, ended.stderr) == (0, "I cannot look.\n", "")


async def test_disk_that_is_full(stage: Stage) -> None:
    """The answer does not fit; what was acknowledged before stays, and with room again the conversation goes on."""
    async with playing(says("Short."), says("word " * 20_000), says("Again.")) as server:
        stage.toward(server)
        await stage.run("-p", "One.")
        ended = await stage.run("-p", "Two.", "-c", through=SMALL_FILES)
        assert_one_line(ended, 1, "Cannot save the session to ")
        assert "File too large" in ended.stderr
        assert all(line.endswith(b"}\n") for line in stage.transcript.read_bytes().splitlines(keepends=True))
        again = await stage.run("-p", "Three.", "-c")

    assert (again.code, again.stdout.strip()) == (0, ("word " * 20_000).strip())
    assert [b"Two." in request.body for request in server.requests] == [False, True, True]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
async def test_streams_that_are_closed_get_nothing(stage: Stage, closed: str) -> None:
    """Not even the answer may go elsewhere: the transcript and the sockets take the free numbers."""
    async with playing(says("Hi.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Hi.", "--verbose", through=("sh", "-c", f'exec "$@" {closed}', "sh"))

    assert (ended.code, ended.stderr, len(server.requests)) == (0, "", 1)
    assert ended.stdout == ("" if " >&-" in f" {closed}" else "Hi.\n")
    assert load(stage.transcript).damaged_lines == 0


async def test_output_that_cannot_be_written(stage: Stage) -> None:
    async with playing(says("Hi.")) as server:
        stage.toward(server)
        with Path("/dev/full").open("wb") as full:
            async with stage.running("-p", "Hi.", stdout=full) as run:
                ended = await run.ended()

    assert_one_line(ended, 1, "No space left on device")


async def test_session_that_is_open_elsewhere(stage: Stage) -> None:
    async with playing(says("First."), Reply(text="Second.", delay=60)) as server:
        stage.toward(server)
        await stage.run("-p", "One.")
        async with stage.running("-p", "Two.", "-c") as other:
            await until(lambda: len(server.requests) == 2)
            ended = await stage.run("-p", "Three.", "-c")
            forked = await stage.run("-p", "Three.", "-c", "--fork-session", "--model", script_of(stage, "Forked."))

    told = f"Session {stage.transcripts()[0].stem} is open in process {other.process.pid}. End that one, or add"
    assert_one_line(ended, 1, told)
    assert (forked.code, forked.stdout) == (0, "Forked.\n")


def script_of(stage: Stage, words: str) -> str:
    return f"scripted:{stage.write('script.yaml', f'replies: [{{text: {words}}}]')}"


def assert_one_line(ended: Ended, code: int, complaint: str) -> None:
    [line] = ended.stderr.splitlines()
    assert (ended.code, ended.stdout) == (code, "")
    assert line.startswith("tianting: ")
    assert complaint in line


async def test_budget_for_a_model_without_a_price_is_refused(stage: Stage) -> None:
    ended = await stage.run("-p", "Hi.", "--model", "ollama/some-model", "--max-budget-usd", "1")

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == (
        "tianting: --max-budget-usd: no price is known for some-model. Leave it out, or add "
        "models.some-model.inputPrice and outputPrice to the settings.\n"
    )
