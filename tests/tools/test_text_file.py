"""Every byte an edit does not name comes back as it was."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.tools.contract import ToolFailed
from tianting.tools.editing.stray_bytes import presentable
from tianting.tools.editing.text_file import MAX_BYTES, StoredText, TextForm, decoded, encoded, read_text_file


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_whatever_is_read_is_written_back_byte_for_byte(data: bytes) -> None:
    try:
        text, form = decoded(data, "a")
    except ToolFailed:
        assert b"\0" in data or data[:2] in {b"\xff\xfe", b"\xfe\xff"}
        return
    assert encoded(text, form, "a") == data


@pytest.mark.parametrize(
    ("data", "text", "form"),
    [
        pytest.param(b"", "", TextForm(), id="empty"),
        pytest.param("é\r\n".encode(), "é\r\n", TextForm(), id="utf-8"),
        pytest.param("\ufeffé".encode(), "é", TextForm(mark=b"\xef\xbb\xbf"), id="utf-8 with mark"),
        pytest.param(b"\xff\xfea\0\n\0", "a\n", TextForm(mark=b"\xff\xfe", codec="utf-16-le"), id="utf-16 little"),
        pytest.param(b"\xfe\xff\0a\0\n", "a\n", TextForm(mark=b"\xfe\xff", codec="utf-16-be"), id="utf-16 big"),
        pytest.param(b"caf\xe9", "café", TextForm(codec="latin-1"), id="latin-1"),
        pytest.param("é ".encode() + b"\xe9", "é \udce9", TextForm(errors="surrogateescape"), id="stray byte in utf-8"),
    ],
)
def test_decoded(data: bytes, text: str, form: TextForm) -> None:
    assert decoded(data, "a") == (text, form)
    assert encoded(text, form, "a") == data


def test_stray_bytes_are_shown_as_latin_1() -> None:
    assert presentable("é \udce9") == "é é"
    assert presentable("plain") == "plain"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"a\0b", id="nul"),
        pytest.param(b"\xff\xfe\0\0a\0\0\0", id="utf-32"),
        pytest.param(b"\xff\xfea\0b", id="half a utf-16 unit"),
    ],
)
def test_binary_is_refused(data: bytes) -> None:
    with pytest.raises(ToolFailed, match=r"a.bin is binary; change it with Bash"):
        decoded(data, "a.bin")


def test_characters_an_encoding_lacks_are_refused() -> None:
    with pytest.raises(ToolFailed, match=r"a.txt is latin-1 and cannot hold '—' \(U\+2014\)"):
        encoded("a — b", TextForm(codec="latin-1"), "a.txt")
    with pytest.raises(ToolFailed, match=r"U\+D83D is half a character"):
        encoded("\ud83d", TextForm(), "a.txt")


def test_file_is_read_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_bytes(b"a\r\n")
    path.chmod(0o750)

    assert read_text_file(path, "run.sh") == StoredText(text="a\r\n", form=TextForm(), mode=0o750)


def test_pipe_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ToolFailed, match="pipe is no regular file"):
        read_text_file(tmp_path / "pipe", "pipe")


def test_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="src is a directory"):
        read_text_file(tmp_path, "src")


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ToolFailed, match="huge has 20 MB, the limit is 20 MB; change it with Bash"):
        read_text_file(path, "huge")


def test_loop_of_links_is_an_error_with_its_cause(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(ToolFailed, match="Cannot read a: Too many levels of symbolic links"):
        read_text_file(tmp_path / "a", "a")


def test_missing_file_is_left_to_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_text_file(tmp_path / "a", "a")
