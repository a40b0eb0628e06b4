"""No file and no edit, however odd, takes the editing tools minutes or gigabytes."""

from pathlib import Path

import msgspec
import pytest

from tianting.tools.apply_patch import ApplyPatch, ApplyPatchParameters
from tianting.tools.contract import ToolFailed
from tianting.tools.edit import Edit, EditParameters
from tianting.tools.editing.closest_block import closest_block
from tianting.tools.editing.patch_format import PatchHunk
from tianting.tools.editing.patch_hunks import fit_hunks
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.workspace import Workspace

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(10)]


@pytest.mark.parametrize(
    ("text", "old"),
    [
        pytest.param("x\n" * 20_000, "x\n" * 2_000 + "y\n" + "x\n" * 2_000, id="one line too many among equals"),
        pytest.param("\n".join("abcdefg") * 3_000, "\n".join("abcde") * 3_000, id="lines in another rhythm"),
    ],
)
def test_closest_block_of_repeated_lines_is_found_quickly(text: str, old: str) -> None:
    closest_block(text, old)


def test_long_block_with_one_other_line_is_still_recognised() -> None:
    lines = [f"line {number}\n" for number in range(3_000)]
    old = "".join([*lines[:700], "another\n", *lines[701:1_500]])

    found = closest_block("".join(lines), old)

    assert found is not None
    assert (found.first, found.last, found.similarity > 0.99) == (1, 1_500, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("x\n" + "\n" * 200_000, "", id="blank lines"),
        pytest.param("x\n" + "a\n" * 100_000, "a", id="equal lines"),
    ],
)
def test_many_hunks_in_repeated_lines_are_fitted_quickly(text: str, line: str) -> None:
    hunk = PatchHunk(anchors=("x",), lines=(("-", line), ("+", "b")))

    assert len(fit_hunks(text, [hunk] * 300, "a.txt").replacements) == 300


def test_hunk_that_fits_everywhere_names_a_few_places() -> None:
    hunk = PatchHunk(anchors=(), lines=(("-", "a"), ("+", "b")))

    with pytest.raises(
        ToolFailed, match=r"fits 1000 places or more of a\.txt \(lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …\)"
    ):
        fit_hunks("a\n" * 100_000, [hunk], "a.txt")


async def test_short_string_does_not_become_a_long_one_everywhere(tmp_path: Path) -> None:
    path, ledger = tmp_path / "a.txt", ReadLedger()
    path.write_text("ab" * 50_000)
    ledger.note(path, whole=True)

    with pytest.raises(ToolFailed, match=r"a\.txt would grow to 500 MB; the limit is 20 MB"):
        await Edit(Workspace(tmp_path), ledger).run(
            EditParameters(file_path="a.txt", old_string="a", new_string="x" * 10_000, replace_all=True)
        )

    assert path.read_text() == "ab" * 50_000


async def test_deleted_file_is_carried_in_events_only_if_it_is_small(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("a\n" * 200_000)
    patch = "*** Begin Patch\n*** Delete File: a.log\n*** End Patch"

    output = await ApplyPatch(Workspace(tmp_path), ReadLedger()).run(ApplyPatchParameters(patch=patch))

    assert output.content == "Patched: D a.log (-200000)."
    assert len(msgspec.json.encode(output.data)) < 1_000
