"""Patches over several files, from the text of the patch to the files on the disk."""

import errno
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tianting.plumbing.atomic_file import replace_in
from tianting.protocol.tool_calls import Access
from tianting.tools.apply_patch import ApplyPatch, ApplyPatchParameters
from tianting.tools.contract import ToolFailed
from tianting.tools.editing import file_changes
from tianting.tools.editing.patch_answer import ApplyPatchOutput, PatchedFile
from tianting.tools.editing.structured_patch import Hunk
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio

SOURCE = "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 1\n"


class Desk:
    """A directory with one file, and the tool over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = ReadLedger()
        self.tool = ApplyPatch(Workspace(root), self.ledger)
        (root / "a.py").write_text(SOURCE)

    async def apply(self, *lines: str) -> str:
        return str((await self.tool.run(parameters(*lines))).content)

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in found}


def parameters(*lines: str) -> ApplyPatchParameters:
    return ApplyPatchParameters(patch="\n".join(["*** Begin Patch", *lines, "*** End Patch"]))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_one_patch_changes_several_files(desk: Desk) -> None:
    (desk.root / "old.bin").write_bytes(b"\0")

    answer = await desk.apply(
        "*** Add File: docs/new.md", "+# T",
        "*** Delete File: old.bin",
        "*** Update File: a.py", "@@ def g(self):", "-        return 1", "+        return 2", "+        # end",
    )  # fmt: skip

    assert answer == "Patched: A docs/new.md (+1), D old.bin, M a.py (+2 -1)."
    assert desk.files() == {
        "docs/new.md": b"# T\n",
        "a.py": (SOURCE.removesuffix("1\n") + "2\n        # end\n").encode(),
    }


async def test_data_is_for_programs(desk: Desk) -> None:
    output = await desk.tool.run(parameters("*** Update File: a.py", "*** Move to: b.py", "-class A:", "+class B:"))

    assert output.data == ApplyPatchOutput(
        files=(
            PatchedFile(
                type="move",
                file_path=str(desk.root / "b.py"),
                moved_from=str(desk.root / "a.py"),
                original_file=SOURCE,
                structured_patch=(
                    Hunk(
                        old_start=1,
                        old_lines=4,
                        new_start=1,
                        new_lines=4,
                        lines=("-class A:", "+class B:", "     def f(self):", "         return 1", " "),
                    ),
                ),
            ),
        )
    )
    assert set(msgspec.to_builtins(output.data)["files"][0]) == {
        "type",
        "filePath",
        "movedFrom",
        "originalFile",
        "structuredPatch",
    }


@pytest.mark.parametrize(
    ("before", "hunk", "after"),
    [
        pytest.param("a\nb\nc\n", (" a", "-b", "+B", " c"), "a\nB\nc\n", id="context"),
        pytest.param("a\nb\nc\n", ("@@ b", "+x"), "a\nb\nx\nc\n", id="added behind an anchor"),
        pytest.param("a\nb\n", ("+x",), "a\nb\nx\n", id="added at the end"),
        pytest.param("a\nb", ("+x",), "a\nb\nx", id="added behind a last line without end"),
        pytest.param("", ("+x",), "x\n", id="into an empty file"),
        pytest.param("a\nb", (" a", "-b"), "a", id="last line without end deleted"),
        pytest.param("a\nb\n", ("-a", "-b"), "", id="all deleted"),
        pytest.param("x\na\nx\n", ("@@", "-x", "+y", "*** End of File"), "x\na\ny\n", id="end of file chooses"),
        pytest.param("x\na\n", ("-x", "+y", "*** End of File"), "y\na\n", id="not at the end after all"),
        pytest.param("x\nm\nx\n", ("@@ m", "-x", "+y"), "x\nm\ny\n", id="anchor chooses"),
        pytest.param("m\nx\nx\n", ("@@ m", "-x", "+y"), "m\ny\nx\n", id="first behind the anchor"),
        pytest.param("m(1)\nx\n", ("@@ m(", "-x", "+y"), "m(1)\ny\n", id="anchor that begins the line"),
        pytest.param("  m\nx\n", ("@@ m", "-x", "+y"), "  m\ny\n", id="anchor without indentation"),
        pytest.param("m\nx\n", ("@@ m", " m", "-x", "+y"), "m\ny\n", id="anchor repeated as context"),
        pytest.param("A\nf\nx\nB\nf\nx\n", ("@@ B", "@@ f", "-x", "+y"), "A\nf\nx\nB\nf\ny\n", id="two anchors"),
        pytest.param("x\nm\nx\n", ("-x", "+y", " m", "@@", "-x", "+z"), "y\nm\nz\n", id="second hunk behind the first"),
        pytest.param("A\nx\nx\n", ("@@ A", "-x", "+y", "@@ A", "-x", "+z"), "A\ny\nz\n", id="same anchor twice"),
        pytest.param("a \nb\t\nc\n", (" a", "-b", "+B", " c"), "a \nB\nc\n", id="trailing blanks"),
        pytest.param("say “a”\nb\n", (' say "a"', "-b", "+B"), "say “a”\nB\n", id="typographic context stays"),
        pytest.param("  if a:\n    b\n", (" if a:", "-  b", "+  c"), "  if a:\n    c\n", id="indentation"),
        pytest.param("a:\n    b\n", (" a:", "-  b", "+  c"), "a:\n    c\n", id="context off in its own way"),
        pytest.param(
            "a:\n    b\n    c\n", (" a:", "-  b", "   c"), "a:\n    c\n", id="nothing comes, so no shift is needed"
        ),
        pytest.param("\tif a:\n\t\tb\n", ("     if a:", "-        b", "+        c"), "\tif a:\n\t\tc\n", id="tabs"),
        pytest.param("a\r\nb\r\n", (" a", "-b", "+B", "+C"), "a\r\nB\r\nC\r\n", id="crlf"),
        pytest.param("a\nb\n", (" a", "-b", "+B", ""), "a\nB\n", id="blank line too many at the end"),
        pytest.param("a\n\nb\n", ("-a", "+A", "", "-b", "+B"), "A\n\nB\n", id="two runs in a hunk"),
        pytest.param("ab\nb\n", ("-b", "+c"), "ab\nc\n", id="whole lines only"),
    ],
)
async def test_hunks_fit(desk: Desk, before: str, hunk: tuple[str, ...], after: str) -> None:
    (desk.root / "a.txt").write_bytes(before.encode())

    await desk.apply("*** Update File: a.txt", *hunk)

    assert (desk.root / "a.txt").read_bytes() == after.encode()


async def test_lower_rung_is_named(desk: Desk) -> None:
    answer = await desk.apply(
        "*** Update File: a.py", "-  def g(self):", "-      return 1", "+  def i(self):", "+      pass"
    )

    assert answer == (
        "Patched: M a.py (+2 -2).\n"
        "Hunk 1 of a.py fits although its indentation differs; the new text was shifted likewise."
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param(("*** Update File: b.py", "-x"), r"No file b\.py", id="missing"),
        pytest.param(("*** Delete File: b.py",), r"No file b\.py", id="missing, to delete"),
        pytest.param(("*** Delete File: a.py", "*** Delete File: a.py"), r"No file a\.py", id="deleted twice"),
        pytest.param(("*** Delete File: a.py", "*** Update File: a.py", "-x"), r"No file a\.py", id="deleted before"),
        pytest.param(("*** Delete File: src",), "src is a directory", id="directory"),
        pytest.param(("*** Add File: a.py", "+x"), r"a\.py exists already", id="exists"),
        pytest.param(("*** Update File: a.py", "*** Move to: c.py"), r"c\.py exists already", id="target exists"),
        pytest.param(("*** Update File: a.py", "-class A:", "+class A:"), r"leaves a\.py as it is", id="no change"),
        pytest.param(("*** Update File: a.py",), r"leaves a\.py as it is", id="no hunk"),
        pytest.param(
            ("*** Update File: a.py", "-        return 1"),
            r"Hunk 1 fits 2 places of a\.py \(lines 3, 6\)",
            id="two places",
        ),
        pytest.param(
            ("*** Update File: a.py", "@@ def k", "-x"), r"The anchor of hunk 1 does not match a\.py", id="no anchor"
        ),
        pytest.param(
            ("*** Update File: a.py", "-class A:", "+class B:", "@@", "-zzz"),
            r"Hunk 2 does not match a\.py",
            id="second hunk",
        ),
        pytest.param(
            ("*** Update File: a.py", "   class A:", "     def f(self):", "+        x = 1"),
            "Hunk 1 does not",
            id="nothing tells the shift",
        ),
        pytest.param(("*** Update File: a.py", "  ", "-", "+x"), r"Hunk 1 does not match a\.py", id="blank lines only"),
    ],
)
async def test_refused_patch_changes_nothing(desk: Desk, lines: tuple[str, ...], message: str) -> None:
    (desk.root / "src").mkdir()
    (desk.root / "c.py").touch()
    before = desk.files()

    with pytest.raises(ToolFailed, match=message) as failure:
        await desk.apply("*** Add File: first.py", "+x", *lines)

    assert desk.files() == before
    assert len(str(failure.value).encode()) <= 600


async def test_sections_of_one_file_go_on_from_each_other(desk: Desk) -> None:
    answer = await desk.apply(
        "*** Add File: n.py", "+a",
        "*** Update File: n.py", "*** Move to: m.py", "-a", "+b",
        "*** Update File: m.py", "*** Move to: l.py", "+c",
        "*** Update File: a.py", "-class A:", "+class B:",
        "*** Update File: a.py", " class B:", "+    x = 1",
    )  # fmt: skip

    assert answer.startswith("Patched: R n.py -> l.py (+2), M a.py (+2 -1).")
    assert desk.files() == {"l.py": b"b\nc\n", "a.py": SOURCE.replace("A:\n", "B:\n    x = 1\n").encode()}


async def test_file_may_be_deleted_and_added_anew(desk: Desk) -> None:
    await desk.apply("*** Delete File: a.py", "*** Add File: a.py", "+x = 1")

    assert desk.files() == {"a.py": b"x = 1\n"}


async def test_moved_file_keeps_its_mode_and_encoding(desk: Desk) -> None:
    (desk.root / "run.sh").write_bytes("\ufeffé\r\n".encode())
    (desk.root / "run.sh").chmod(0o775)

    await desk.apply("*** Update File: run.sh", "*** Move to: bin/run.sh")

    moved = desk.root / "bin" / "run.sh"
    assert (moved.read_bytes(), moved.stat().st_mode & 0o777) == ("\ufeffé\r\n".encode(), 0o775)
    assert not (desk.root / "run.sh").exists()


async def test_moving_to_its_own_place_is_an_update(desk: Desk) -> None:
    answer = await desk.apply("*** Update File: a.py", "*** Move to: ./a.py", "-class A:", "+class B:")

    assert answer == "Patched: M a.py (+1 -1)."


async def test_file_read_whole_may_be_added_over(desk: Desk) -> None:
    desk.ledger.note(desk.root / "a.py", whole=True)

    assert await desk.apply("*** Add File: a.py", "+x = 1") == "Patched: M a.py (+1 -6)."


async def test_ledger_knows_what_was_patched(desk: Desk) -> None:
    (desk.root / "b.py").write_text("b\n")
    desk.ledger.note(desk.root / "b.py", whole=True)

    await desk.apply(
        "*** Update File: a.py", "-class A:", "+class B:",
        "*** Update File: b.py", "*** Move to: c.py", "-b", "+c",
        "*** Add File: n.py", "+n",
    )  # fmt: skip

    known = {name: desk.ledger.saw_whole(desk.root / name) for name in ("a.py", "c.py", "n.py")}
    assert known == {"a.py": False, "c.py": True, "n.py": True}
    assert desk.ledger.freshness(desk.root / "a.py") == "fresh"


async def test_broken_syntax_is_reported(desk: Desk) -> None:
    answer = await desk.apply("*** Add File: n.py", "+x = (")

    assert answer.startswith("Patched: A n.py (+1).\nNew problem in n.py: line 1: '(' was never closed")


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_failing_write_takes_back_the_files_before_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    written: list[str] = []

    def fail_at(directory: int, name: str, data: bytes, **options: Any) -> os.stat_result:
        if len(written) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(name)
        return replace_in(directory, name, data, **options)

    (desk.root / "b.py").write_text("b\n")
    before = desk.files()
    monkeypatch.setattr(file_changes, "replace_in", fail_at)

    with pytest.raises(ToolFailed, match="No space left on device"):
        await desk.apply(
            "*** Delete File: b.py",
            "*** Update File: a.py", "-class A:", "+class B:",
            "*** Add File: new/c.py", "+c",
            "*** Add File: d.py", "+d",
        )  # fmt: skip

    assert desk.files() == before
    assert not (desk.root / "new").exists()


def test_accesses_name_every_file_on_both_ends(desk: Desk) -> None:
    (desk.root / "link").symlink_to("a.py")
    patch = parameters(
        "*** Update File: link", "*** Move to: b.py", "-x", "*** Delete File: /etc/c", "*** Add File: d", "+d"
    )

    assert desk.tool.accesses(patch) == tuple(
        Access(effect="edit", target=str(path))
        for path in (
            desk.root / "link",
            desk.root / "a.py",
            os.path.realpath("/etc/c"),
            desk.root / "d",
            desk.root / "b.py",
        )
    )


async def test_unreadable_patch_touches_nothing(desk: Desk) -> None:
    broken = ApplyPatchParameters(patch="*** Update File: a.py")

    assert desk.tool.accesses(broken) == ()
    with pytest.raises(ToolFailed, match="The patch has no line"):
        await desk.tool.run(broken)


def test_model_is_told_in_few_bytes() -> None:
    spec = ApplyPatch.spec
    sent = {"name": spec.name, "description": spec.description, "input_schema": spec.input_schema}
    assert len(msgspec.json.encode(sent)) <= 1650
    assert list(spec.input_schema["properties"]) == ["patch"] == list(ApplyPatchParameters.__struct_fields__)
    assert "*** Begin Patch" in spec.grammar
