"""What a tool gave back reaches the model in a form that every provider takes, and never without bound."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mcp.speaking_server import numbered
from tianting.mcp.messages import ToolAnswer
from tianting.mcp.results import MOST_CHARACTERS, Attic, Shown, shown
from tianting.protocol.content import Base64Source, Image, Text

PNG = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
PICTURE = Image(source=Base64Source(media_type="image/png", data="aGk="))


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


@pytest.fixture
def attic(tmp_path: Path) -> Attic:
    return Attic(tmp_path / "results", numbered())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param({"content": [text("a"), text("b")]}, "a\nb", id="words"),
        pytest.param({"content": []}, "The tool gave nothing back.", id="nothing"),
        pytest.param({"content": [text("a"), PNG]}, (Text(text="a"), PICTURE), id="a picture"),
        pytest.param(
            {"content": [text("a"), PNG], "structuredContent": {"sum": 3}},
            (Text(text='{"sum":3}'), PICTURE),
            id="structured content stands for the words",
        ),
        pytest.param(
            {"content": [{"type": "image", "data": "aGk=", "mimeType": "image/bmp"}]},
            "[left out: 2 bytes of image/bmp]",
            id="a picture that nobody takes",
        ),
        pytest.param(
            {"content": [{"type": "image", "data": "?", "mimeType": "image/png"}]},
            "[left out: image/png that is no base64]",
            id="a broken picture",
        ),
        pytest.param(
            {"content": [{"type": "image", "data": "", "mimeType": "image/png"}]},
            "[left out: 0 bytes of image/png]",
            id="an empty picture",
        ),
        pytest.param(
            {"content": [{"type": "audio", "data": "aGk=", "mimeType": "audio/wav"}]},
            "[left out: 2 bytes of audio/wav]",
            id="a sound",
        ),
        pytest.param(
            {"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "hey"}}]},
            "[file:///a]\nhey",
            id="a file of words",
        ),
        pytest.param(
            {"content": [{"type": "resource", "resource": {"uri": "x:p", "mimeType": "image/png", "blob": "aGk="}}]},
            (PICTURE,),
            id="a file that is a picture",
        ),
        pytest.param(
            {"content": [{"type": "resource", "resource": {"uri": "x:z", "blob": "aGk="}}]},
            "[left out: 2 bytes of data of x:z]",
            id="another file",
        ),
        pytest.param(
            {"content": [{"type": "resource_link", "uri": "x:y", "name": "y\nz"}]},
            "[resource: y\\nz x:y]",
            id="a link",
        ),
        pytest.param({"content": [{"type": "smell"}]}, "[left out: content of type 'smell']", id="something new"),
        pytest.param({"content": [{"type": []}]}, "[left out: content of type []]", id="no type"),
        pytest.param(
            {"content": [{"type": "text"}]},
            "[left out: text that cannot be read: Object missing required field `text`]",
            id="broken words",
        ),
    ],
)
def test_content_becomes_what_a_model_reads(attic: Attic, answer: Any, expected: Shown) -> None:
    assert shown(msgspec.convert(answer, ToolAnswer), attic) == expected


def test_what_is_too_long_lies_in_a_file(attic: Attic, tmp_path: Path) -> None:
    answer = ToolAnswer(content=(text("x" * 900), PNG, text("y" * 900)))

    parts = shown(answer, attic, 1_000)

    file = tmp_path / "results" / "mcp-id-1.txt"
    words = Text(text=f"{'x' * 500}\n[clipped: 1,801 characters; all of it in {file}, Grep it]")
    assert parts == (words, PICTURE)
    assert file.read_text() == "x" * 900 + "\n" + "y" * 900
    assert file.stat().st_mode & 0o777 == 0o600


def test_tool_may_have_more_room_than_others(attic: Attic) -> None:
    long = "x" * (MOST_CHARACTERS + 1)

    assert shown(ToolAnswer(content=(text(long),)), attic, 200_000) == (Text(text=long),)
    assert len(str(shown(ToolAnswer(content=(text(long),)), attic))) <= MOST_CHARACTERS


def test_file_that_cannot_be_written_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    attic = Attic(tmp_path / "file" / "below", numbered())

    assert attic.shortened("x" * 600, 550) == f"{'x' * 50}\n[clipped: 600 characters]"
    assert attic.shortened("x" * 600, 10) == "\n[clipped: 600 characters]"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(["text", "image", "audio", "resource", "resource_link", "else"])
FIELDS = st.sampled_from(["text", "data", "mimeType", "resource", "uri", "name"])


@settings(max_examples=100, deadline=None)
@given(blocks=st.lists(st.builds(lambda kind, rest: {**rest, "type": kind}, KINDS, st.dictionaries(FIELDS, JSON))))
def test_no_block_is_too_odd(blocks: list[dict[str, Any]]) -> None:
    assert shown(ToolAnswer(content=tuple(blocks)), Attic(Path("/nowhere"), numbered()))
