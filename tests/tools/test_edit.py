"""Edit and MultiEdit, through their public face: a file before, a call, a file and an answer after."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tianting.protocol.tool_calls import Access
from tianting.tools.contract import ToolFailed
from tianting.tools.edit import Edit, EditParameters, FileEditOutput
from tianting.tools.editing.structured_patch import Hunk
from tianting.tools.multi_edit import MadeEdit, MultiEdit, MultiEditOutput, MultiEditParameters
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio

SOURCE = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"


class Desk:
    """A directory with one file that was read, and the tools over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "a.py"
        self.ledger = ReadLedger()
        workspace = Workspace(root)
        self.edit_tool = Edit(workspace, self.ledger)
        self.multi_edit_tool = MultiEdit(workspace, self.ledger)
        self.put(SOURCE.encode())

    def put(self, data: bytes, *, whole: bool = True) -> None:
        self.path.write_bytes(data)
        self.ledger.note(self.path, whole=whole)

    def change_outside(self, data: bytes) -> None:
        self.path.write_bytes(data)
        os.utime(self.path, ns=(0, 1))

    async def edit(self, old: str, new: str, *, file_path: str = "a.py", replace_all: bool = False) -> str:
        parameters = EditParameters(file_path=file_path, old_string=old, new_string=new, replace_all=replace_all)
        return str((await self.edit_tool.run(parameters)).content)

    async def multi_edit(self, *edits: tuple[str, str]) -> str:
        raw = {"file_path": "a.py", "edits": [{"old_string": old, "new_string": new} for old, new in edits]}
        return str((await self.multi_edit_tool.run(msgspec.convert(raw, MultiEditParameters))).content)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_answer_shows_the_changed_lines(desk: Desk) -> None:
    answer = await desk.edit("return 1", "return 3")

    assert answer == (
        "Edited a.py, 1 place.\nLines 1-4 now:\n     1\tdef f():\n     2\t    return 3\n     3\t\n     4\t"
    )
    assert desk.path.read_text() == SOURCE.replace("1", "3")


async def test_data_is_for_programs(desk: Desk) -> None:
    output = await desk.edit_tool.run(EditParameters(file_path="a.py", old_string="return 2", new_string="return 4"))

    assert output.data == FileEditOutput(
        file_path=str(desk.path),
        old_string="return 2",
        new_string="return 4",
        original_file=SOURCE,
        structured_patch=(
            Hunk(
                old_start=3,
                old_lines=4,
                new_start=3,
                new_lines=4,
                lines=(" ", " ", " def g():", "-    return 2", "+    return 4"),
            ),
        ),
    )
    assert set(msgspec.to_builtins(output.data)) == {
        "filePath",
        "oldString",
        "newString",
        "originalFile",
        "structuredPatch",
        "userModified",
        "replaceAll",
    }


async def test_multi_edit_makes_all(desk: Desk) -> None:
    raw = {
        "file_path": "a.py",
        "edits": [{"old_string": "1", "new_string": "one"}, {"old_string": "one", "new_string": "ONE"}],
    }
    output = await desk.multi_edit_tool.run(msgspec.convert(raw, MultiEditParameters))

    assert desk.path.read_text() == SOURCE.replace("1", "ONE")
    assert output.data == MultiEditOutput(
        file_path=str(desk.path),
        edits=(
            MadeEdit(old_string="1", new_string="one", replace_all=False),
            MadeEdit(old_string="one", new_string="ONE", replace_all=False),
        ),
        original_file=SOURCE,
        structured_patch=(
            Hunk(
                old_start=1,
                old_lines=5,
                new_start=1,
                new_lines=5,
                lines=(" def f():", "-    return 1", "+    return ONE", " ", " ", " def g():"),
            ),
        ),
    )


async def test_multi_edit_makes_none_if_one_fails(desk: Desk) -> None:
    with pytest.raises(ToolFailed, match=r"Edit 2 of 2 failed, none was applied: old_string not found in a.py\."):
        await desk.multi_edit(("return 1", "return 3"), ("missing", "x"))

    assert desk.path.read_text() == SOURCE
    assert desk.ledger.freshness(desk.path) == "fresh"


async def test_rename_replaces_everywhere(desk: Desk) -> None:
    answer = await desk.edit("return", "yield", replace_all=True)

    assert answer.startswith("Edited a.py, 2 places.\nLines 1-6 now:")
    assert desk.path.read_text() == SOURCE.replace("return", "yield")


@pytest.mark.parametrize(
    ("data", "old", "new", "note", "after"),
    [
        pytest.param(b"a  \nb\n", "a\nb", "a\nc", "blanks at line ends differ", b"a  \nc\n", id="blanks"),
        pytest.param("“a”\n".encode(), '"a"', '"b"', "quotes, dashes or spaces differ", "“b”\n".encode(), id="quotes"),
        pytest.param(
            b"\tx\n", "  x\n", "  y\n", "its indentation differs; the new text was shifted", b"\ty\n", id="indent"
        ),
        pytest.param(
            b'f("a")\n', r"f(\"a\")", r"f(\"b\")", r"\n, \t or \" came as two characters", b'f("b")\n', id="escapes"
        ),
        pytest.param(b"x\n", "1\tx", "1\ty", "line numbers came with it", b"y\n", id="labels"),
    ],
)
async def test_lower_rung_is_named(desk: Desk, data: bytes, old: str, new: str, note: str, after: bytes) -> None:
    desk.put(data)

    answer = await desk.edit(old, new)

    assert answer.startswith(f"Edited a.py, 1 place. Found although {note}")
    assert desk.path.read_bytes() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"a\r\nb\r\n", b"a\r\nx\r\ny\r\n", id="crlf"),
        pytest.param(b"a\nb\r\nc", b"a\nx\r\ny\r\nc", id="mixed, no final newline"),
        pytest.param("\ufeffé\nb\n".encode(), "\ufeffé\nx\ny\n".encode(), id="byte order mark"),
        pytest.param("é\nb\n".encode("utf-16"), "é\nx\ny\n".encode("utf-16"), id="utf-16"),
        pytest.param(b"\xe9\nb\n", b"\xe9\nx\ny\n", id="latin-1"),
        pytest.param("é".encode() + b"\xe9\nb\n", "é".encode() + b"\xe9\nx\ny\n", id="stray byte"),
    ],
)
async def test_encoding_and_line_ends_are_kept(desk: Desk, before: bytes, after: bytes) -> None:
    desk.put(before)

    answer = await desk.edit("b", "x\ny")

    assert desk.path.read_bytes() == after
    assert "line ends" not in answer
    msgspec.json.encode(answer)


async def test_crlf_needs_no_mention(desk: Desk) -> None:
    desk.put(b"a\r\nb\r\n")

    assert "although" not in await desk.edit("a\nb\n", "a\nc\n")


async def test_mode_and_symlink_are_kept(desk: Desk) -> None:
    desk.path.chmod(0o755)
    (desk.root / "link.py").symlink_to("a.py")
    desk.ledger.note(desk.root / "link.py", whole=True)

    await desk.edit("return 1", "return 3", file_path="link.py")

    assert (desk.root / "link.py").is_symlink()
    assert (desk.path.stat().st_mode & 0o777, desk.path.read_text()) == (0o755, SOURCE.replace("1", "3"))


def test_accesses_name_both_ends_of_a_link(desk: Desk) -> None:
    (desk.root / "link.py").symlink_to("/etc/hosts")
    edit = EditParameters(file_path="link.py", old_string="a", new_string="b")

    assert desk.edit_tool.accesses(edit) == (
        Access(effect="edit", target=str(desk.root / "link.py")),
        Access(effect="edit", target=os.path.realpath("/etc/hosts")),
    )
    multi = MultiEditParameters(file_path="a.py", edits=())
    assert desk.multi_edit_tool.accesses(multi) == (Access(effect="edit", target=str(desk.path)),)


async def test_unread_file_is_not_edited(desk: Desk) -> None:
    (desk.root / "b.py").write_text("x = 1\n")

    with pytest.raises(ToolFailed, match=r"Read b.py before editing it\."):
        await desk.edit("x", "y", file_path="b.py")

    desk.ledger.note(desk.root / "b.py", whole=False)
    await desk.edit("x", "y", file_path="b.py")
    assert (desk.root / "b.py").read_text() == "y = 1\n"


async def test_changed_file_is_edited_where_the_match_is_exact(desk: Desk) -> None:
    desk.change_outside(SOURCE.replace("g()", "h()").encode())

    answer = await desk.edit("return 1", "return 3")

    assert answer.startswith("Edited a.py, 1 place. The file has other changes since you read it.\n")
    assert desk.path.read_text() == SOURCE.replace("g()", "h()").replace("1", "3")
    assert (desk.ledger.freshness(desk.path), desk.ledger.saw_whole(desk.path)) == ("fresh", False)


async def test_changed_file_is_not_edited_by_a_lower_rung(desk: Desk) -> None:
    changed = SOURCE.replace("return 1\n", "return 1  \n")
    desk.change_outside(changed.encode())

    with pytest.raises(ToolFailed, match=r"a\.py changed on disk since you read it") as failure:
        await desk.edit("    return 1\n\n", "    return 3\n\n")

    assert desk.path.read_text() == changed
    _, _, text = str(failure.value).partition(" Use this text:\n")
    await desk.edit(text, "    return 3\n")
    assert desk.path.read_text() == changed.replace("    return 1  \n", "    return 3\n")


async def test_ledger_knows_what_was_edited(desk: Desk) -> None:
    await desk.edit("return 1", "return 3")
    assert (desk.ledger.freshness(desk.path), desk.ledger.saw_whole(desk.path)) == ("fresh", True)

    desk.put(SOURCE.encode(), whole=False)
    (desk.root / "a.py").write_text(SOURCE + "#\n")
    desk.ledger.note(desk.path, whole=False)
    await desk.edit("return 1", "return 3")
    assert (desk.ledger.freshness(desk.path), desk.ledger.saw_whole(desk.path)) == ("fresh", False)


async def test_broken_syntax_is_reported_and_written(desk: Desk) -> None:
    answer = await desk.edit("return 1", "return (1")

    assert "\nNew problem from this edit: line 2: '(' was never closed (Python 3." in answer
    assert "return (1" in desk.path.read_text()
    assert "problem" not in await desk.edit("return 2", "return (2")


async def test_empty_old_string_makes_a_file(desk: Desk) -> None:
    answer = await desk.edit("", "x = 1\n", file_path="new/b.py")

    assert answer == "Edited new/b.py, 1 place.\nLines 1-1 now:\n     1\tx = 1"
    assert (desk.root / "new" / "b.py").read_text() == "x = 1\n"
    assert desk.ledger.saw_whole(desk.root / "new" / "b.py")


@pytest.mark.parametrize(
    ("old", "new", "file_path", "message"),
    [
        pytest.param("x", "x", "a.py", "old_string and new_string are equal", id="equal"),
        pytest.param("", "x", "a.py", "old_string is empty and a.py is not", id="empty"),
        pytest.param("def g():\n", "def g():\r\n", "a.py", "This would leave a.py as it is", id="only line ends"),
        pytest.param("x", "y", "b.py", r"No file b.py \(root ", id="missing"),
        pytest.param("x", "y", "", " is a directory", id="directory"),
    ],
)
async def test_refused(desk: Desk, old: str, new: str, file_path: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=message):
        await desk.edit(old, new, file_path=file_path)

    assert desk.path.read_text() == SOURCE


async def test_too_many_places_are_left_to_sed(desk: Desk) -> None:
    desk.put(b"a" * 100_001)

    with pytest.raises(ToolFailed, match="old_string occurs more than 100000 times, the limit; use sed -i in Bash"):
        await desk.edit("a", "b", replace_all=True)

    desk.put(b"a" * 100_000)
    await desk.edit("a", "b", replace_all=True)
    assert desk.path.read_bytes() == b"b" * 100_000


async def test_multi_edit_needs_edits(desk: Desk) -> None:
    with pytest.raises(ToolFailed, match="edits is empty"):
        await desk.multi_edit()


async def test_large_file_is_edited_in_a_thread(desk: Desk) -> None:
    large = "".join(f"line {number}\n" for number in range(200_000))
    desk.put(large.encode())

    output = await desk.edit_tool.run(EditParameters(file_path="a.py", old_string="line 777\n", new_string=""))

    assert desk.path.read_text() == large.replace("line 777\n", "")
    assert output.data.original_file is None


@pytest.mark.parametrize(
    ("tool", "limit"),
    [pytest.param("edit_tool", 1100, id="Edit"), pytest.param("multi_edit_tool", 1100, id="MultiEdit")],
)
def test_model_is_told_in_few_bytes_what_is_true(desk: Desk, tool: str, limit: int) -> None:
    check_spec(getattr(desk, tool), limit)


def check_spec(tool: Any, limit: int) -> None:
    """The schema matches the parameters, and all of it is short."""
    spec = tool.spec
    sent = {"name": spec.name, "description": spec.description, "input_schema": spec.input_schema}
    assert len(msgspec.json.encode(sent)) <= limit
    fields = {field.name: field.required for field in msgspec.structs.fields(tool.parameters)}
    assert set(spec.input_schema["properties"]) == set(fields)
    assert set(spec.input_schema["required"]) == {name for name, required in fields.items() if required}
    assert all(
        "description" in schema or schema["type"] == "array" for schema in spec.input_schema["properties"].values()
    )
