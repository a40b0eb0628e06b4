"""Only what was judged can be opened, by whatever name."""

import os
import sys
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from tianting.protocol.tool_calls import Access
from tianting.tools.contract import ToolFailed
from tianting.tools.path_accesses import path_accesses
from tianting.tools.permitted_places import only_places_of, opened, require_permitted


def content(path: Path) -> bytes:
    with opened(path) as descriptor:
        return os.read(descriptor, 100)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "a" / "to-b").symlink_to("../b/f")
    os.link(tmp_path / "b" / "f", tmp_path / "a" / "hard")
    return tmp_path


@pytest.mark.parametrize("effect", ["read", "edit"])
@pytest.mark.parametrize("path", ["a/f", "link/f", "link/to-b", "a/hard"])
def test_file_that_was_judged_is_opened(tree: Path, path: str, effect: str) -> None:
    with only_places_of(path_accesses("read" if effect == "read" else "edit", tree / path)):
        assert content(tree / path) in {b"a", b"b"}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("b/f", id="another file"),
        pytest.param("a/to-b", id="another file by a link"),
        pytest.param("a/hard", id="another name of a file"),
        pytest.param("a", id="directory above"),
    ],
)
def test_nothing_else_is_opened(tree: Path, path: str) -> None:
    with (
        only_places_of(path_accesses("read", tree / "a" / "f")),
        pytest.raises(ToolFailed, match="leads to another place than was permitted"),
    ):
        content(tree / path)


def test_command_and_address_permit_no_file(tree: Path) -> None:
    accesses = tuple(Access(effect=effect, target=str(tree / "a" / "f")) for effect in ("execute", "fetch", "note"))

    with only_places_of(accesses), pytest.raises(ToolFailed):
        content(tree / "a" / "f")


def test_what_holds_for_a_call_ends_with_it(tree: Path) -> None:
    with only_places_of(path_accesses("read", tree / "a" / "f")):
        with only_places_of(()), pytest.raises(ToolFailed):
            content(tree / "a" / "f")
        assert content(tree / "a" / "f") == b"a"

    assert content(tree / "b" / "f") == b"b"


@pytest.mark.anyio
async def test_calls_side_by_side_keep_their_own_places_in_threads_too(tree: Path) -> None:
    answers: dict[str, list[object]] = {"a": [], "b": []}

    async def call(name: str) -> None:
        with only_places_of(path_accesses("read", tree / name / "f")):
            for asked in ("a", "b") * 5:
                try:
                    answers[name].append(await to_thread.run_sync(content, tree / asked / "f"))
                except ToolFailed:
                    answers[name].append(None)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, "a")
            tasks.start_soon(call, "b")

    assert answers == {"a": [b"a", None] * 5, "b": [None, b"b"] * 5}


def test_descriptor_does_not_outlive_a_refusal(tree: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    with only_places_of(()), pytest.raises(ToolFailed):
        content(tree / "a" / "f")

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_failure_names_the_path_on_one_line() -> None:
    with only_places_of(()), pytest.raises(ToolFailed) as caught:
        require_permitted("/etc/passwd", Path("/work/a\nb"))

    assert str(caught.value) == (
        "/work/a\\nb leads to another place than was permitted: a link was changed meanwhile. "
        "Nothing was read or changed. Call again if it should."
    )


def test_letters_of_a_name_may_differ_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with only_places_of((Access(effect="read", target="/work/readme"),)):
        require_permitted("/work/README", Path("readme"))
        with pytest.raises(ToolFailed):
            require_permitted("/work/other", Path("readme"))


def test_link_in_a_linked_directory_has_three_places(tree: Path) -> None:
    assert path_accesses("edit", tree / "link" / "to-b") == tuple(
        Access(effect="edit", target=f"{tree}/{place}") for place in ("link/to-b", "a/to-b", "b/f")
    )
    assert path_accesses("read", Path("/")) == (Access(effect="read", target="/"),)
