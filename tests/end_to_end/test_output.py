"""What print mode prints, in each format, and what the options about a turn's end make of it."""

import msgspec
import pytest

from tests.end_to_end.stage import Line, Stage, body, playing
from tianting.models.scripted import calls, says
from tianting.protocol.usage import Usage
from tianting.session.places import project_directory, projects_directory

pytestmark = pytest.mark.anyio

SCHEMA = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'
WRITE = calls("Write", file_path="new.txt", content="new\n")


async def test_text_is_the_answer_alone(stage: Stage) -> None:
    async with playing(says("Looking.", calls("Glob", pattern="*")), says("Nothing here.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Look.")

    assert (ended.code, ended.stdout, ended.stderr) == (0, "Nothing here.\n", "")


async def test_verbose_tells_the_way_on_standard_error(stage: Stage) -> None:
    stage.write("a.py", "1\n2\n")
    async with playing(says("Looking.", calls("Read", file_path="a.py")), says("Two lines.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Look.", "--verbose")

    call, result = ended.stderr.splitlines()
    assert (ended.code, ended.stdout, call, result.split()[1:]) == (0, "Two lines.\n", "● Read a.py", ["2", "lines"])


async def test_prompt_comes_from_both_argument_and_pipe(stage: Stage) -> None:
    async with playing(says("Seen.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "What is this?", stdin=b"A poem.\n")

    assert (ended.code, said(body(server))) == (0, "What is this?\n\nA poem.")


async def test_json_is_one_object(stage: Stage) -> None:
    async with playing(says("Done.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Do it.", "--output-format", "json")

    [result] = ended.lines
    told = {key: result[key] for key in ("type", "subtype", "is_error", "result", "num_turns", "stop_reason")}
    assert (ended.code, ended.stderr) == (0, "")
    assert told == {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "Done.",
        "num_turns": 1,
        "stop_reason": "end_turn",
    }
    assert result["total_cost_usd"] > 0
    assert stage.transcript.stem == result["session_id"]


async def test_json_and_verbose_is_an_array_of_all(stage: Stage) -> None:
    async with playing(says("Looking.", calls("Glob", pattern="*")), says("Done.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Do it.", "--output-format", "json", "--verbose")

    kinds = [line["type"] for line in msgspec.json.decode(ended.stdout)]
    assert kinds == ["system", "assistant", "assistant", "user", "assistant", "result"]


async def test_partial_messages_add_up_to_the_whole(stage: Stage) -> None:
    async with playing(says("A longer answer, which comes in several pieces.", thinking="Well, well.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Hi.", "--output-format", "stream-json", "--include-partial-messages")

    deltas = [
        line["event"]["delta"] for line in ended.lines if line.get("event", {}).get("type") == "content_block_delta"
    ]
    texts = [delta["text"] for delta in deltas if delta["type"] == "text_delta"]
    assert len(texts) > 1
    assert "".join(texts) == ended.result["result"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == "Well, well."


async def test_data_of_the_given_shape(stage: Stage) -> None:
    wrong, right = calls("StructuredOutput", n="five"), calls("StructuredOutput", n=5)
    async with playing(says("", wrong), says("Five."), says("", right)) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Count.", "--json-schema", SCHEMA, "--output-format", "json")

    assert (ended.code, ended.result["structured_output"], len(server.requests)) == (0, {"n": 5}, 3)


async def test_data_as_text_is_json(stage: Stage) -> None:
    async with playing(says("", calls("StructuredOutput", n=5))) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Count.", "--json-schema", str(stage.write("schema.json", SCHEMA)))

    assert (ended.code, ended.stdout) == (0, '{"n":5}\n')


async def test_data_that_never_fits_fails(stage: Stage) -> None:
    async with playing(says("Five, I say."), repeat_last=True) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Count.", "--json-schema", SCHEMA, "--output-format", "json")

    told = (ended.code, ended.result["subtype"], ended.result["is_error"], ended.result["errors"])
    assert told == (
        1, "error_max_structured_output_retries", True, ["The model gave no data that fits the schema."],
    )  # fmt: skip


async def test_turns_are_bounded(stage: Stage) -> None:
    async with playing(says("", calls("Glob", pattern="*")), says("", calls("Glob", pattern="*.py"))) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Look.", "--max-turns", "2", "--output-format", "json")

    assert (ended.code, ended.result["subtype"], len(server.requests)) == (1, "error_max_turns", 2)


async def test_costs_are_bounded(stage: Stage) -> None:
    dear = Usage(input_tokens=1_000_000)
    async with playing(says("", calls("Glob", pattern="*")), says("More.")) as server:
        stage.toward(server)
        free = await stage.run("-p", "Look.", "--max-budget-usd", "0.5")
    reply = msgspec.structs.replace(says("", calls("Glob", pattern="*")), usage=dear)
    async with playing(reply, says("More.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Look.", "--max-budget-usd", "0.5", "--output-format", "json")

    assert (free.code, free.stdout) == (0, "More.\n")
    assert (ended.code, ended.result["subtype"], len(server.requests)) == (1, "error_max_budget_usd", 1)
    assert ended.result["errors"] == ["The budget of $0.5 is used up."]


async def test_denied_calls_are_listed_and_are_no_failure(stage: Stage) -> None:
    async with playing(says("", WRITE), says("I may not.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Write.", "--output-format", "json")

    [denial] = ended.result["permission_denials"]
    assert (ended.code, ended.result["is_error"], denial["tool_name"]) == (0, False, "Write")
    assert denial["tool_input"] == {"file_path": "new.txt", "content": "new\n"}
    assert not (stage.project / "new.txt").exists()


@pytest.mark.parametrize(
    ("options", "written"),
    [
        pytest.param(("--permission-mode", "acceptEdits"), True, id="edits accepted"),
        pytest.param(("--permission-mode", "plan", "--allowedTools", "Write"), False, id="plan holds against a rule"),
        pytest.param(("--allowedTools", "Write"), True, id="rule"),
        pytest.param(("--dangerously-skip-permissions",), True, id="everything"),
        pytest.param(("--dangerously-skip-permissions", "--disallowedTools", "Write"), False, id="never"),
        pytest.param(("--settings", '{"permissions": {"allow": ["Write"]}}'), True, id="settings"),
    ],
)
async def test_what_may_be_written(stage: Stage, options: tuple[str, ...], written: bool) -> None:
    async with playing(says("", WRITE), says("So be it.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Write.", *options)

    assert (ended.code, (stage.project / "new.txt").exists()) == (0, written)


async def test_system_prompt_is_replaced_and_added_to(stage: Stage) -> None:
    async with playing(says("Arr.")) as server:
        stage.toward(server)
        await stage.run("-p", "Hi.", "--append-system-prompt", "Be brief.")
        await stage.run("-p", "Hi.", "--system-prompt", "You are a pirate.", "--append-system-prompt", "Be brief.")

    added, replaced = ([part["text"] for part in body(server, index)["system"]] for index in (0, 1))
    assert (len(added), added[-1]) == (2, "Be brief.")
    assert "Tianting" in added[0]
    assert replaced == ["You are a pirate.", "Be brief."]


@pytest.mark.parametrize(
    ("options", "effort"),
    [
        pytest.param(("--effort", "low"), "low", id="flag"),
        pytest.param(("--settings", '{"effortLevel": "low"}'), "low", id="settings"),
        pytest.param(("--settings", '{"effortLevel": "low"}', "--effort", "high"), "high", id="flag wins"),
    ],
)
async def test_effort_reaches_the_model(stage: Stage, options: tuple[str, ...], effort: str) -> None:
    async with playing(says("Fine.")) as server:
        stage.toward(server)
        await stage.run("-p", "Think.", "--model", "gpt-6.2-sol", *options)

    assert body(server)["reasoning"]["effort"] == effort


async def test_another_directory_may_be_worked_in(stage: Stage) -> None:
    other = stage.project.parent / "other"
    other.mkdir()
    (other / "note.txt").write_text("over here\n")
    look = calls("Read", file_path=str(other / "note.txt"))
    async with playing(says("", look), says("Seen.")) as server:
        stage.toward(server)
        outside = await stage.run("-p", "Look there.", "--output-format", "json")
        inside = await stage.run("-p", "Look there, please.", "--add-dir", str(other), "--output-format", "json")

    assert [len(ended.result["permission_denials"]) for ended in (outside, inside)] == [1, 0]
    assert "over here" in server.requests[-1].body.decode()


async def test_only_the_named_tools_are_offered(stage: Stage) -> None:
    async with playing(says("Fine.")) as server:
        stage.toward(server)
        await stage.run("-p", "Hi.", "--tools", "Read, Grep")
        await stage.run("-p", "Hi.", "--tools", "")

    assert [[tool["name"] for tool in body(server, index).get("tools", [])] for index in (0, 1)] == [
        ["Grep", "Read"],
        [],
    ]


def said(request: Line) -> str:
    """The last words of the person's."""
    last = request["messages"][-1]["content"]
    return str(last if isinstance(last, str) else last[-1]["text"])


async def test_long_output_is_read_on_where_the_result_says(stage: Stage) -> None:
    session = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"
    outputs = project_directory(projects_directory(stage.home), str(stage.project)) / session / "tool-results"
    look = calls("Grep", pattern="^15500$", path=str(outputs), output_mode="content")
    async with playing(says("", calls("Bash", command="seq 20000")), says("", look), says("Found it.")) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Count.", "--allowedTools", "Bash", "--session-id", session)

    assert (ended.code, ended.stdout) == (0, "Found it.\n")
    [result] = body(server)["messages"][-1]["content"]
    assert "15500" in result["content"]
    assert "15500" not in body(server, 1)["messages"][-1]["content"][0]["content"]


async def test_search_shows_nothing_of_a_file_that_must_not_be_read(stage: Stage) -> None:
    stage.write(".env", "KEY = secret\n")
    stage.write("code.py", "KEY = there\n")
    search = calls("Grep", pattern="KEY", output_mode="content")
    async with playing(says("", search), says("Done.")) as server:
        stage.toward(server)
        await stage.run("-p", "Look.", "--settings", '{"permissions": {"deny": ["Read(.env)"]}}')

    [result] = body(server)["messages"][-1]["content"]
    assert "there" in result["content"]
    assert "secret" not in result["content"]
