"""Write makes files, and replaces only what the model has seen."""

import os
from pathlib import Path

import msgspec
import pytest

from tianting.protocol.tool_calls import Access
from tianting.tools.contract import ToolFailed
from tianting.tools.editing.structured_patch import Hunk
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace
from tianting.tools.write import FileWriteOutput, Write, WriteParameters

pytestmark = pytest.mark.anyio


class Desk:
    """A directory, the tool over it and its ledger."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = ReadLedger()
        self.tool = Write(Workspace(root), self.ledger)

    def put(self, data: bytes, *, whole: bool = True) -> Path:
        path = self.root / "a.py"
        path.write_bytes(data)
        self.ledger.note(path, whole=whole)
        return path

    async def write(self, file_path: str, content: str) -> str:
        return str((await self.tool.run(WriteParameters(file_path=file_path, content=content))).content)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_new_file_comes_with_its_directories(desk: Desk) -> None:
    output = await desk.tool.run(WriteParameters(file_path="src/new/a.txt", content="a\nb"))

    path = desk.root / "src" / "new" / "a.txt"
    assert path.read_bytes() == b"a\nb"
    assert output.content == "Created src/new/a.txt, 2 lines."
    assert output.data == FileWriteOutput(
        type="create", file_path=str(path), content="a\nb", structured_patch=(), original_file=None
    )
    assert (desk.ledger.freshness(path), desk.ledger.saw_whole(path)) == ("fresh", True)


async def test_file_that_was_read_is_replaced(desk: Desk) -> None:
    path = desk.put(b"a\nb\n")

    output = await desk.tool.run(WriteParameters(file_path=str(path), content="a\n"))

    assert output.content == "Replaced a.py: 1 line, was 2."
    assert output.data == FileWriteOutput(
        type="update",
        file_path=str(path),
        content="a\n",
        structured_patch=(Hunk(old_start=1, old_lines=2, new_start=1, new_lines=1, lines=(" a", "-b")),),
        original_file="a\nb\n",
    )
    assert set(msgspec.to_builtins(output.data)) == {"type", "filePath", "content", "structuredPatch", "originalFile"}


async def test_unread_file_is_refused_until_it_was_read(desk: Desk) -> None:
    path = desk.root / "a.py"
    path.write_bytes(b"precious\n")

    with pytest.raises(ToolFailed, match=r"a\.py exists and was not read; Read it, or use Edit for a part\."):
        await desk.write("a.py", "x\n")

    assert path.read_bytes() == b"precious\n"
    desk.ledger.note(path, whole=True)
    assert await desk.write("a.py", "x\n") == "Replaced a.py: 1 line, was 1."


async def test_partly_read_file_is_refused_until_it_was_read_whole(desk: Desk) -> None:
    path = desk.put(b"a\nb\n", whole=False)

    with pytest.raises(ToolFailed, match=r"Only a part of a\.py was read; Read it without offset and limit"):
        await desk.write("a.py", "x\n")

    desk.ledger.note(path, whole=True)
    assert await desk.write("a.py", "x\n") == "Replaced a.py: 1 line, was 2."


async def test_file_that_changed_since_is_refused(desk: Desk) -> None:
    path = desk.put(b"a\n")
    path.write_bytes(b"somebody else's\n")

    with pytest.raises(ToolFailed, match=r"a\.py changed on disk since you read it; Read it again"):
        await desk.write("a.py", "x\n")

    assert path.read_bytes() == b"somebody else's\n"


async def test_empty_file_has_nothing_to_lose(desk: Desk) -> None:
    (desk.root / "a.py").touch()

    assert await desk.write("a.py", "x = 1\n") == "Replaced a.py: 1 line, was 0."


@pytest.mark.parametrize(
    ("before", "content", "after"),
    [
        pytest.param(b"a\r\nb\r\n", "c\nd\n", b"c\r\nd\r\n", id="crlf"),
        pytest.param(b"a\r\nb\n", "c\nd\n", b"c\nd\n", id="mixed is not kept"),
        pytest.param("\ufeffa\n".encode(), "b\n", "\ufeffb\n".encode(), id="byte order mark"),
        pytest.param("a\n".encode("utf-16"), "b\n", "b\n".encode("utf-16"), id="utf-16"),
        pytest.param(b"\xe9\n", "ü\n", b"\xfc\n", id="latin-1"),
    ],
)
async def test_encoding_and_line_ends_are_kept(desk: Desk, before: bytes, content: str, after: bytes) -> None:
    path = desk.put(before)

    await desk.write("a.py", content)

    assert path.read_bytes() == after


async def test_broken_syntax_is_reported(desk: Desk) -> None:
    answer = await desk.write("a.py", "x = (\n")

    assert answer.startswith("Created a.py, 1 line.\nNew problem from this edit: line 1: '(' was never closed")


async def test_failed_write_leaves_no_directory_behind(desk: Desk) -> None:
    with pytest.raises(ToolFailed, match=r"Cannot write .*: File name too long\. Nothing was changed"):
        await desk.write("new/" + "x" * 300, "x")

    assert list(desk.root.iterdir()) == []


async def test_directory_is_refused(desk: Desk) -> None:
    with pytest.raises(ToolFailed, match="is a directory"):
        await desk.write(".", "x")


async def test_large_content_is_written_in_a_thread(desk: Desk) -> None:
    content = "line\n" * 300_000

    assert await desk.write("big.txt", content) == "Created big.txt, 300000 lines."
    assert (desk.root / "big.txt").read_text() == content


def test_accesses_name_both_ends_of_a_link(desk: Desk) -> None:
    (desk.root / "link").symlink_to("/etc/hosts")

    assert desk.tool.accesses(WriteParameters(file_path="link", content="")) == (
        Access(effect="edit", target=str(desk.root / "link")),
        Access(effect="edit", target=os.path.realpath("/etc/hosts")),
    )


def test_model_is_told_in_few_bytes() -> None:
    spec = Write.spec
    sent = {"name": spec.name, "description": spec.description, "input_schema": spec.input_schema}
    assert len(msgspec.json.encode(sent)) <= 550
    assert (
        list(spec.input_schema["properties"])
        == spec.input_schema["required"]
        == list(WriteParameters.__struct_fields__)
    )
