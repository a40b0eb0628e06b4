"""Which files have several names: looked for in places, and in all that is in them."""

import os
from pathlib import Path

import pytest

from tianting.sandbox.linked_files import identity, linked_files


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for name in ("single", "twice", "d/inner", "d/e/deep"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for link, name in {"twice-2": "twice", "inner-2": "d/inner", "d/inner-3": "d/inner"}.items():
        os.link(tmp_path / name, tmp_path / link)
    (tmp_path / "soft").symlink_to("twice")
    return tmp_path


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param(["twice"], [["twice"]], id="one name of two"),
        pytest.param(["twice", "single", "twice-2"], [["twice", "twice-2"]], id="both"),
        pytest.param(["d"], [["d/inner", "d/inner-3"]], id="in a directory"),
        pytest.param(["single", "d/e"], [], id="files with one name"),
        pytest.param(["soft"], [], id="a link is not followed"),
        pytest.param(["gone", "single/x", "nul\0"], [], id="nothing there"),
    ],
)
def test_files_with_several_names_are_found(top: Path, places: list[str], expected: list[list[str]]) -> None:
    found = linked_files(f"{top}/{place}" for place in places)

    names = {identity(f"{top}/{some[0]}"): {f"{top}/{name}" for name in some} for some in expected}
    assert ({key: set(some) for key, some in found.names.items()}, found.complete) == (names, True)


@pytest.mark.parametrize("limits", [{"max_entries": 1}, {"max_time": -1.0}], ids=["entries", "time"])
def test_search_that_is_too_long_says_so(top: Path, limits: dict[str, float]) -> None:
    found = linked_files([f"{top}/twice", f"{top}/d"], **limits)  # type: ignore[arg-type]

    names = [(f"{top}/twice",)] if "max_entries" in limits else []
    assert (list(found.names.values()), found.complete) == (names, False)
