"""A line that is too long lies in a file that only its owner reads, or nowhere, and never ends the turn."""

from pathlib import Path

import pytest

from tianting.surfaces.kept_lines import keep_in


def test_line_lies_in_a_private_file(tmp_path: Path) -> None:
    path = keep_in(tmp_path / "results")("line-1.json", b'{"type":"user"}\n')

    assert path == str(tmp_path / "results" / "line-1.json")
    assert Path(path).read_bytes() == b'{"type":"user"}\n'
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_disk_that_refuses_is_only_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()

    assert keep_in(tmp_path / "file" / "results")("line-1.json", b"{}\n") is None
    assert "a line of 3 bytes cannot be kept" in caplog.text


def test_no_line_takes_the_place_of_another(tmp_path: Path) -> None:
    keep = keep_in(tmp_path)
    keep("line-1.json", b"first")

    assert keep("line-1.json", b"second") is None
    assert (tmp_path / "line-1.json").read_bytes() == b"first"
