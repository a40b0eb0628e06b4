"""A growing file of lines, under torn ends, full disks, rivals and sudden death."""

import errno
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tianting.plumbing.json_lines import FileInUse, JsonLineWriter, read_lines


def test_first_line_creates_file_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "lines.jsonl"
    writer = JsonLineWriter(path)
    assert not (tmp_path / "a").exists()

    written = writer.append([b"1", b"2"])

    assert (written, path.read_bytes()) == (4, b"1\n2\n")
    assert [p.stat().st_mode & 0o777 for p in (tmp_path / "a", path.parent, path)] == [0o700, 0o700, 0o600]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"", b"3\n", id="empty"),
        pytest.param(b"1\n", b"1\n3\n", id="whole"),
        pytest.param(b'1\n{"a":', b"1\n3\n", id="torn"),
        pytest.param(b'1\n{"a":2}', b'1\n{"a":2}\n3\n', id="only the newline is missing"),
        pytest.param(b'{"a":', b"3\n", id="nothing but a torn line"),
        pytest.param(b'1\n{"a":"' + b"x" * 20_000, b"1\n3\n", id="torn and long"),
        pytest.param(b'{"a":"' + b"x" * 20_000, b"3\n", id="long and alone"),
        pytest.param(b"1\n\0\0\0\0", b"1\n3\n", id="zeros of a power failure"),
    ],
)
def test_torn_end_is_mended_before_next_line(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(before)

    JsonLineWriter(path).append([b"3"])

    assert path.read_bytes() == after


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"1\n2\n", [b"1", b"2"], id="whole"),
        pytest.param(b'1\n{"a"', [b"1"], id="torn"),
        pytest.param(b'1\n{"a":2}', [b"1", b'{"a":2}'], id="whole without newline"),
        pytest.param(b"1\n\n  \n2\r\n", [b"1", b"2"], id="blank lines and carriage returns"),
        pytest.param(b"1\n\0\0\0" + b"2\n\0\0", [b"1", b"2"], id="zeros of a power failure"),
        pytest.param(b"1\nrubbish\n2\n", [b"1", b"rubbish", b"2"], id="rubbish is the caller's to judge"),
    ],
)
def test_reading_leaves_out_what_never_became_a_line(tmp_path: Path, content: bytes, lines: list[bytes]) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(content)

    assert list(read_lines(path)) == lines


def test_second_writer_is_told_who_has_the_file(tmp_path: Path) -> None:
    first, second = JsonLineWriter(tmp_path / "lines.jsonl"), JsonLineWriter(tmp_path / "lines.jsonl")
    first.append([b"1"])

    with pytest.raises(FileInUse) as refusal:
        second.append([b"2"])
    assert refusal.value.process == os.getpid()

    first.close()
    second.append([b"2"])
    assert list(read_lines(tmp_path / "lines.jsonl")) == [b"1", b"2"]


def test_rival_is_nameless_where_the_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = JsonLineWriter(tmp_path / "lines.jsonl"), JsonLineWriter(tmp_path / "lines.jsonl")
    first.append([b"1"])

    def unreadable(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", unreadable)
    with pytest.raises(FileInUse, match="another process") as refusal:
        second.append([b"2"])
    assert refusal.value.process is None


def _tears(after: int, error: int) -> Callable[[int, memoryview], int]:
    """A disk that takes `after` bytes and then fails."""
    room = after
    write = os.write

    def torn(descriptor: int, data: memoryview) -> int:
        nonlocal room
        if room == 0:
            raise OSError(error, os.strerror(error))
        taken = write(descriptor, data[:room])
        room -= taken
        return taken

    return torn


@pytest.mark.parametrize("after", [0, 1, 4, 7, 8, 9])
@pytest.mark.parametrize("error", [pytest.param(errno.ENOSPC, id="full"), pytest.param(errno.EIO, id="broken")])
def test_refused_lines_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, error: int) -> None:
    path = tmp_path / "lines.jsonl"
    writer = JsonLineWriter(path)
    writer.append([b"1"])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _tears(after, error))
        with pytest.raises(OSError, match=os.strerror(error)):
            writer.append([b"[2,3]", b"[4,5]"])
    assert path.read_bytes() == b"1\n"

    writer.append([b"6"])
    writer.sync()
    assert path.read_bytes() == b"1\n6\n"


def test_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))

    JsonLineWriter(tmp_path / "lines.jsonl").append([b"[1,2,3,4]"])

    assert list(read_lines(tmp_path / "lines.jsonl")) == [b"[1,2,3,4]"]


def test_nothing_to_sync_or_close_before_first_line(tmp_path: Path) -> None:
    writer = JsonLineWriter(tmp_path / "lines.jsonl")

    writer.sync()
    writer.close()

    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    limited = """
import resource, sys
from pathlib import Path
from tianting.plumbing.json_lines import JsonLineWriter
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, most))
writer = JsonLineWriter(Path(sys.argv[1]))
for number in range(100):
    try:
        writer.append([b'"%03d%s"' % (number, b"x" * 300)])
    except OSError as error:
        print(number, error.strerror)
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # whoever measures coverage writes at the end
"""
    command = [sys.executable, "-c", limited, str(path)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (child.stdout, child.stderr) == ("32 File too large\n", "")
    assert [line[1:4] for line in read_lines(path)] == [b"%03d" % number for number in range(32)]
    assert path.read_bytes().endswith(b'"\n')


_ENDLESS_WRITER = """
import sys
from pathlib import Path
from tianting.plumbing.json_lines import JsonLineWriter
writer = JsonLineWriter(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    size = 200_000 if number % 7 == 0 else 50
    writer.append([b'{"number":%d,"text":"%s"}' % (number, b"x" * size)])
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    number += 1
"""


def test_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    chance = random.Random(20)
    acknowledged: list[int] = []

    for kill in range(20):
        acknowledged += _acknowledged_until_killed(path, first=kill * 1_000_000, lines=chance.randint(1, 60))

    found = [json.loads(line)["number"] for line in read_lines(path)]
    assert found == sorted(set(found))
    assert set(acknowledged) <= set(found)


def _acknowledged_until_killed(path: Path, *, first: int, lines: int) -> list[int]:
    with subprocess.Popen([sys.executable, "-c", _ENDLESS_WRITER, path, str(first)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        seen = [int(child.stdout.readline()) for _ in range(lines)]
        child.kill()
        return seen + [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
