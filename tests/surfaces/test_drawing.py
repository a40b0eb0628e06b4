"""What people read of calls and results."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.protocol.content import Base64Source, Image, Text
from tianting.protocol.events import ToolFinished
from tianting.protocol.tool_calls import CallResult, Outcome, ToolCall
from tianting.surfaces.change_preview import MOST_LINES, preview
from tianting.surfaces.drawing import call_line, result_lines
from tianting.surfaces.escaping import one_line, visible

PATCH = "*** Begin Patch\n*** Update File: /w/a.py\n@@\n-old\n+new\n*** Add File: b.py\n+b\n*** End Patch"
PICTURE = Image(source=Base64Source(media_type="image/png", data="AAAA"))


def a_call(tool_name: str, **arguments: Any) -> ToolCall:
    return ToolCall(call_id="t", tool_name=tool_name, arguments=arguments)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        pytest.param(a_call("Read", file_path="/w/src/a.py"), "Read src/a.py", id="inside the root"),
        pytest.param(a_call("Read", file_path="/etc/hosts"), "Read /etc/hosts", id="outside"),
        pytest.param(a_call("Bash", command="ls\n-l", description="list"), "Bash ls -l", id="command"),
        pytest.param(a_call("Grep", pattern="def x", path="src"), "Grep def x", id="pattern"),
        pytest.param(a_call("apply_patch", input=PATCH), "apply_patch a.py, b.py", id="patch"),
        pytest.param(a_call("mcp__db__query", limit=3, sql="select 1"), "mcp__db__query select 1", id="unknown tool"),
        pytest.param(a_call("ExitPlanMode"), "ExitPlanMode", id="no arguments"),
        pytest.param(a_call("Bash", command="x" * 500), "Bash " + "x" * 114 + "…", id="too long"),
        pytest.param(a_call("Bash", command="\x1b]0;owned\x07"), "Bash ␛]0;owned␇", id="escape sequence"),
    ],
)
def test_call_line(call: ToolCall, line: str) -> None:
    assert call_line(call, "/w") == line


@pytest.mark.parametrize(
    ("tool_name", "content", "outcome", "lines"),
    [
        pytest.param("Read", "1\ta\n2\tb\n", "ok", ("2 lines",), id="size is enough"),
        pytest.param("Grep", "No match.", "ok", ("No match.",), id="one line says it"),
        pytest.param("Bash", "a\nb", "ok", ("a", "b"), id="short output"),
        pytest.param("Bash", "", "ok", ("no output",), id="nothing"),
        pytest.param("Edit", "Edited a.py.\nLines 1-3 now:", "ok", ("Edited a.py.",), id="first line is the verdict"),
        pytest.param("Edit", "Not found.\nClosest: …", "failed", ("Not found.",), id="failure"),
        pytest.param(
            "Bash",
            "exit 1\n1\n2\n\n3\n4\n5\n",
            "failed",
            ("exit 1", "2", "3", "4", "5"),
            id="a failed command shows its end",
        ),
        pytest.param("Bash", "Stopped by the user.", "interrupted", ("interrupted",), id="interrupted"),
        pytest.param("Read", (PICTURE,), "ok", ("1 picture",), id="picture"),
        pytest.param("Read", (PICTURE, PICTURE), "ok", ("2 pictures",), id="pictures"),
        pytest.param("Read", (Text(text="a.png"), PICTURE), "ok", ("a.png",), id="picture with words"),
    ],
)
def test_result_lines(tool_name: str, content: Any, outcome: Outcome, lines: tuple[str, ...]) -> None:
    result = CallResult(call_id="t", content=content, outcome=outcome)

    assert result_lines(ToolFinished(call=a_call(tool_name), result=result, duration=0.0)) == lines


@pytest.mark.parametrize(
    ("call", "lines"),
    [
        pytest.param(a_call("Bash", command="a\nb"), ["a", "b"], id="command"),
        pytest.param(a_call("Write", file_path="a", content="x\ny\n"), ["+ x", "+ y"], id="write"),
        pytest.param(
            a_call("Edit", old_string="a\nb\nc\nd\ne\nf", new_string="a\nb\nc\nX\nY\ne\nf"),
            ["  b", "  c", "- d", "+ X", "+ Y", "  e", "  f"],
            id="edit with context",
        ),
        pytest.param(a_call("Edit", old_string="a\na", new_string="a"), ["  a", "- a"], id="edit that removes"),
        pytest.param(
            a_call(
                "MultiEdit",
                edits=[{"old_string": "a", "new_string": "b"}, "?", {"old_string": "c", "new_string": ""}],
            ),
            ["- a", "+ b", "- c"],
            id="several edits",
        ),
        pytest.param(a_call("MultiEdit", edits="?"), [], id="edits that are none"),
        pytest.param(a_call("apply_patch", input=PATCH), PATCH.splitlines(), id="patch"),
        pytest.param(
            a_call("mcp__db__query", sql="select\n1", limit=3), ["sql: select", "1", "limit: 3"], id="unknown tool"
        ),
    ],
)
def test_preview(call: ToolCall, lines: list[str]) -> None:
    assert [line.text for line in preview(call)] == lines


def test_preview_of_a_patch_knows_added_from_removed() -> None:
    kinds = [line.kind for line in preview(a_call("apply_patch", input="@@\n-old\n+new"))]

    assert kinds == ["plain", "removed", "added"]


def test_long_change_is_counted_and_a_long_command_is_shown() -> None:
    many = "\n".join(map(str, range(MOST_LINES + 5)))

    shortened = preview(a_call("Write", content=many))

    assert (len(shortened), shortened[-1].text) == (MOST_LINES + 1, "… 5 more lines")
    assert len(preview(a_call("Bash", command=many))) == MOST_LINES + 5


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_preview_of_an_edit_loses_no_changed_line(old: list[str], new: list[str]) -> None:
    lines = preview(a_call("Edit", old_string="\n".join(old), new_string="\n".join(new)))

    removed = [line.text[2:] for line in lines if line.kind == "removed"]
    added = [line.text[2:] for line in lines if line.kind == "added"]
    if len(lines) <= MOST_LINES:
        assert len(old) - len(removed) == len(new) - len(added)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain\n\ttext天", "plain\n\ttext天", id="harmless"),
        pytest.param("a\r\nb\rc", "a\nb␍c", id="line ends"),
        pytest.param("\x00\x7f\x9b", "␀␡\\u009b", id="controls"),
        pytest.param("if a\u202e or b\u2066", "if a\\u202e or b\\u2066", id="text that runs backwards"),
        pytest.param("\ud83d", "\\ud83d", id="half a character"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_that_moves_the_cursor_survives(text: str) -> None:
    assert all(sign in "\n\t" or sign.isprintable() or ord(sign) > 0x9F for sign in visible(text))
    assert "\n" not in one_line(text)
