"""Whatever an error advises is done here, and has to work: a model will do just that."""

import re
from pathlib import Path

import pytest

from tianting.tools.apply_patch import ApplyPatch, ApplyPatchParameters
from tianting.tools.contract import ToolFailed
from tianting.tools.edit import Edit, EditParameters
from tianting.tools.read import Read, ReadParameters
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace
from tianting.tools.write import Write, WriteParameters

pytestmark = pytest.mark.anyio

SOURCE = "class Job:\n    def run(self):\n        start()\n        return 1\n\n    def stop(self):\n        return 1\n"
LONG = "".join(f"    value_{number} = compute(first_{number}, second_{number})\n" for number in range(40))


class Model:
    """Calls tools and reads their errors."""

    def __init__(self, root: Path) -> None:
        workspace = Workspace(root)
        self.ledger = ReadLedger()
        self.edit_tool = Edit(workspace, self.ledger)
        self.read_tool = Read(workspace, self.ledger)
        self.write_tool = Write(workspace, self.ledger)
        self.patch_tool = ApplyPatch(workspace, self.ledger)
        self.path = root / "a.py"

    async def sees(self, text: str) -> None:
        self.path.write_text(text)
        await self.read("a.py")

    async def read(self, file_path: str, offset: int = 1, limit: int = 2000) -> str:
        """The text that Read shows, without its line numbers."""
        output = await self.read_tool.run(ReadParameters(file_path=file_path, offset=offset, limit=limit))
        lines = str(output.content).split("\n")
        return "\n".join(line.partition("\t")[2] for line in lines if not line.startswith("["))

    async def edit(self, old: str, new: str, *, replace_all: bool = False) -> str:
        call = EditParameters(file_path="a.py", old_string=old, new_string=new, replace_all=replace_all)
        return str((await self.edit_tool.run(call)).content)

    async def patch(self, *lines: str) -> str:
        text = "\n".join(["*** Begin Patch", "*** Update File: a.py", *lines, "*** End Patch"])
        return str((await self.patch_tool.run(ApplyPatchParameters(patch=text))).content)

    async def error(self, *lines: str) -> str:
        """The error of an edit of these lines."""
        with pytest.raises(ToolFailed) as failure:
            await self.edit("\n".join(lines), "changed")
        assert len(str(failure.value).encode()) <= 600
        return str(failure.value)

    async def patch_error(self, *lines: str) -> str:
        with pytest.raises(ToolFailed) as failure:
            await self.patch(*lines)
        assert len(str(failure.value).encode()) <= 600
        return str(failure.value)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("    def run(self):\n        strat()\n        return 1", id="wording"),
        pytest.param("    def Run(self):\n        Start()", id="case"),
        pytest.param("        start()\n\n        return 1", id="blanks"),
        pytest.param("class Job:\n  def run(self):\n     start()\n", id="indentation"),
    ],
)
async def test_use_this_text(model: Model, sent: str) -> None:
    await model.sees(SOURCE)
    error = await model.error(sent)

    start, _, text = error.partition(" Use this text:\n")

    assert "Closest text is lines " in start
    await model.edit(text, "changed")
    assert model.path.read_text() == SOURCE.replace(text, "changed")


async def test_use_this_text_in_crlf_and_with_stray_bytes(model: Model) -> None:
    model.path.write_bytes("é = “1”\r\n".encode() + b"name = '\xe9t\xe9'\r\nlast = 3\r\n")
    model.ledger.note(model.path, whole=True)
    _, _, text = (await model.error("name = 'étè'", "last = 3")).partition(" Use this text:\n")

    await model.edit(text, text.replace("3", "4"))

    assert model.path.read_bytes() == "é = “1”\r\n".encode() + b"name = '\xe9t\xe9'\r\nlast = 4\r\n"


async def test_read_there_and_use_that_text(model: Model) -> None:
    await model.sees(LONG)
    error = await model.error(*LONG.replace("second_7)", "second_8)").split("\n")[2:22])

    place = re.search(r"Read a\.py with offset=(\d+) and limit=(\d+) and use that text\.$", error)

    assert place, error
    text = await model.read("a.py", int(place[1]), int(place[2]))
    await model.edit(text, "changed")
    assert model.path.read_text() == LONG.replace(text, "changed")


async def test_most_similar_lines(model: Model) -> None:
    await model.sees(SOURCE)
    error = await model.error("def run(this, now):", "    start_all()", "    return 1")

    place = re.search(
        r"Most similar: lines 2-4; Read a\.py with offset=(\d+) and limit=(\d+) and copy from there\.$", error
    )

    assert place, error
    await model.edit(await model.read("a.py", int(place[1]), int(place[2])), "changed")


async def test_nothing_resembles_it(model: Model) -> None:
    await model.sees(SOURCE)

    assert (await model.error("zebra")) == "old_string not found in a.py. Nothing there resembles it; Read a.py again."
    await model.edit((await model.read("a.py")).split("\n")[2], "        begin()")


async def test_add_a_neighbouring_line_or_replace_all(model: Model) -> None:
    await model.sees(SOURCE)
    error = await model.error("        return 1")

    assert error == ("old_string occurs 2 times in a.py (lines 4, 7). Add a neighbouring line, or set replace_all.")
    await model.edit("    def stop(self):\n        return 1", "    def stop(self):\n        return 2")
    await model.edit("return", "yield", replace_all=True)
    assert model.path.read_text() == SOURCE.replace(
        "stop(self):\n        return 1", "stop(self):\n        return 2"
    ).replace("return", "yield")


async def test_many_places_are_named_in_few_bytes(model: Model) -> None:
    await model.sees("a = 1\n" * 2000)

    assert "occurs 1000 times or more in a.py (lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …)" in await model.error("a = 1")


async def test_changed_file_is_shown_and_edited_with_its_own_text(model: Model) -> None:
    await model.sees(SOURCE)
    model.path.write_text(changed := SOURCE.replace("        start()", "            start()"))

    error = await model.error("    def run(self):", "        start()", "")
    start, _, text = error.partition(" Use this text:\n")

    assert start.startswith("a.py changed on disk since you read it and does not hold old_string as sent.")
    await model.edit(text, "changed")
    assert model.path.read_text() == changed.replace(text, "changed")


async def test_read_before_editing(model: Model) -> None:
    model.path.write_text(SOURCE)

    assert await model.error("start()") == "Read a.py before editing it."
    await model.read("a.py")
    await model.edit("start()", "begin()")


async def test_empty_old_string_advises_write(model: Model) -> None:
    await model.sees(SOURCE)

    assert "use Write for the whole file" in await model.error("")
    await model.write_tool.run(WriteParameters(file_path="a.py", content="x = 1\n"))
    assert model.path.read_text() == "x = 1\n"


async def test_partly_read_file_is_written_after_reading_all(model: Model) -> None:
    model.path.write_text(SOURCE)
    await model.read("a.py", 1, 2)
    call = WriteParameters(file_path="a.py", content="x = 1\n")

    with pytest.raises(ToolFailed, match="Read it without offset and limit"):
        await model.write_tool.run(call)

    await model.read("a.py")
    await model.write_tool.run(call)


async def test_characters_an_encoding_lacks_can_be_replaced_or_the_file_converted(model: Model) -> None:
    model.path.write_bytes(b"# caf\xe9\nx = 1\n")
    await model.read("a.py")

    with pytest.raises(ToolFailed, match=r"a\.py is latin-1 and cannot hold '€' \(U\+20AC\)"):
        await model.edit("x = 1", "x = '€'")

    await model.edit("x = 1", "x = 'EUR'")
    model.path.write_bytes(model.path.read_bytes().decode("latin-1").encode())
    await model.read("a.py")
    await model.edit("EUR", "€")
    assert model.path.read_text() == "# café\nx = '€'\n"


async def test_patch_is_sent_again_with_the_lines_of_the_file(model: Model) -> None:
    model.path.write_text(SOURCE)
    error = await model.patch_error("     def run(self):", "-        begin()", "+        changed()")

    start, _, text = error.partition(" as they are:\n")

    assert start == "Hunk 1 does not match a.py; nothing was applied. Send the patch again with lines 2-3"
    context, removed = text.split("\n")
    await model.patch(f" {context}", f"-{removed}", "+        changed()")
    assert model.path.read_text() == SOURCE.replace("start()", "changed()")


async def test_patch_with_a_long_hunk_is_sent_again_after_reading(model: Model) -> None:
    model.path.write_text(LONG)
    lines = LONG.replace("second_7)", "second_8)").split("\n")[2:22]
    error = await model.patch_error(*(f"-{line}" for line in lines))

    place = re.search(
        r"Read a\.py with offset=(\d+) and limit=(\d+) and send the patch again with these lines\.$", error
    )

    assert place, error
    text = await model.read("a.py", int(place[1]), int(place[2]))
    await model.patch(*(f"-{line}" for line in text.split("\n")))
    assert model.path.read_text() == LONG.replace(text + "\n", "")


async def test_anchor_is_mended(model: Model) -> None:
    model.path.write_text(SOURCE)
    error = await model.patch_error("@@ def stop(this):", "-        return 1", "+        return 2")

    _, _, anchor = error.partition(
        "The anchor of hunk 1 does not match a.py; nothing was applied. Send the patch again with line 6 as they are:\n"
    )

    assert anchor, error
    await model.patch(f"@@ {anchor}", "-        return 1", "+        return 2")
    assert model.path.read_text() == SOURCE.removesuffix("1\n") + "2\n"


async def test_patch_chooses_by_context_or_anchor(model: Model) -> None:
    model.path.write_text(SOURCE)
    error = await model.patch_error("-        return 1", "+        return 2")

    assert error == (
        "Hunk 1 fits 2 places of a.py (lines 4, 7); nothing was applied. "
        "Add context lines, or put @@ and the def or class line above the right place before it."
    )
    await model.patch("@@ def stop(self):", "-        return 1", "+        return 2")
    await model.patch("         start()", "-        return 1", "+        return 3")
    assert (
        model.path.read_text()
        == SOURCE.replace("start()\n        return 1", "start()\n        return 3").removesuffix("1\n") + "2\n"
    )


async def test_nothing_resembles_the_hunk(model: Model) -> None:
    model.path.write_text(SOURCE)

    assert "Nothing there resembles it; Read a.py again." in await model.patch_error("-zebra")
