"""A task from the command line to the edited file, in every dialect: read, edit, check, answer."""

import msgspec
import pytest

from tests.end_to_end.stage import KEY, Ended, Line, Stage, body, playing
from tianting.models.scripted import Call, Reply, calls, says
from tianting.protocol.messages import unanswered_calls
from tianting.session.reading import load

pytestmark = pytest.mark.anyio

PROMPT = "Mend the greeting."
PATCH = "*** Begin Patch\n*** Update File: greet.py\n@@\n-print('hullo')\n+print('hello')\n*** End Patch\n"
BY_EDIT = calls("Edit", file_path="greet.py", old_string="hullo", new_string="hello")
BY_PATCH = calls("apply_patch", input=PATCH)
MAY = ("--permission-mode", "acceptEdits", "--allowedTools", "Bash(python3 greet.py)")


def script(edit: Call) -> tuple[Reply, ...]:
    return (
        says("I look first.", calls("Read", file_path="greet.py"), thinking="Where is the typo?"),
        says("", edit),
        says("Now I check.", calls("Bash", command="python3 greet.py")),
        says("The greeting is mended."),
    )


@pytest.mark.parametrize(
    ("model", "edit", "tools"),
    [
        pytest.param("claude-sonnet-5-5", BY_EDIT, {"Bash", "Edit", "Read"}, id="anthropic"),
        pytest.param("gpt-6.2-sol", BY_PATCH, {"Bash", "apply_patch", "Read"}, id="responses"),
        pytest.param("box/some-model", BY_EDIT, {"Bash", "Edit", "Read"}, id="chat"),
    ],
)
async def test_file_is_edited_over_http(stage: Stage, model: str, edit: Call, tools: set[str]) -> None:
    greet = stage.write("greet.py", "print('hullo')\n")
    async with playing(*script(edit)) as server:
        stage.toward(server)
        stage.environment["BOX_KEY"] = KEY
        box = {"baseUrl": f"{server.base_url}/v1", "keyVariable": "BOX_KEY"}
        settings = msgspec.json.encode({"providers": {"box": box}}).decode()
        ended = await stage.run(
            "-p", PROMPT, "--model", model, *MAY, "--settings", settings, "--output-format", "stream-json"
        )

    assert (ended.code, ended.stderr, greet.read_text()) == (0, "", "print('hello')\n")
    assert_in_order(ended)
    assert tools <= {_name(tool) for tool in body(server)["tools"]}
    assert len(server.requests) == 4
    assert_transcript_is_whole(stage)


async def test_file_is_edited_by_a_script_without_a_server(stage: Stage) -> None:
    greet = stage.write("greet.py", "print('hullo')\n")
    path = stage.write("script.json", msgspec.json.encode({"replies": script(BY_EDIT)}).decode())

    ended = await stage.run("-p", PROMPT, "--model", f"scripted:{path}", *MAY, "--output-format", "stream-json")

    assert (ended.code, ended.stderr, greet.read_text()) == (0, "", "print('hello')\n")
    assert_in_order(ended)
    assert_transcript_is_whole(stage)


def assert_in_order(ended: Ended) -> None:
    """First the session, then for each call its result, and last the account."""
    lines = ended.lines
    assert [_kind(line) for line in lines if _kind(line)] == [
        "init", "call Read", "result", "call edit", "result", "call Bash", "result", "success",
    ]  # fmt: skip
    results = [block for line in lines if line["type"] == "user" for block in line["message"]["content"]]
    called = [block for line in lines if line["type"] == "assistant" for block in line["message"]["content"]]
    assert [block["tool_use_id"] for block in results] == [b["id"] for b in called if b["type"] == "tool_use"]
    assert "hello" in results[-1]["content"]
    assert (lines[-1]["result"], lines[-1]["is_error"], lines[-1]["num_turns"]) == ("The greeting is mended.", False, 4)
    assert len({line["uuid"] for line in lines}) == len(lines)
    assert {line["session_id"] for line in lines} == {lines[0]["session_id"]}


def _kind(line: Line) -> str:
    match line:
        case {"type": "system" | "result", "subtype": subtype}:
            return str(subtype)
        case {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": name}]}}:
            return "call edit" if name in {"Edit", "apply_patch"} else f"call {name}"
        case {"type": "user", "message": {"content": [{"type": "tool_result"}]}}:
            return "result"
    return ""


def _name(tool: Line) -> str:
    return str(tool["function"]["name"] if "function" in tool else tool["name"])


def assert_transcript_is_whole(stage: Stage) -> None:
    conversation = load(stage.transcript)
    assert (conversation.damaged_lines, unanswered_calls(conversation.history)) == (0, [])
    assert len(conversation.history) == 9  # briefing, prompt, three calls with results, answer
    assert conversation.title == PROMPT
