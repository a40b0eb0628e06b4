"""Read, driven as the dispatcher drives it: parameters in, the model's text out."""

import os
import re
import socket
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tianting.protocol.tool_calls import Access, ToolOutput
from tianting.tools import read
from tianting.tools.contract import ToolFailed
from tianting.tools.read import Read, ReadParameters
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.reading.shown_file import ShownFile
from tianting.tools.reading.text import TextFile, TextReadOutput, read_text
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio


class Desk:
    """A root with a Read tool over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = ReadLedger()
        self.read = Read(Workspace(root), self.ledger)

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    async def output(self, file_path: str, **more: int | str) -> ToolOutput:
        parameters = msgspec.convert({"file_path": file_path, **more}, ReadParameters)
        with anyio.fail_after(5):
            return await self.read.run(parameters)

    async def text(self, file_path: str, **more: int | str) -> str:
        content = (await self.output(file_path, **more)).content
        assert isinstance(content, str)
        return content

    async def failure(self, file_path: str, **more: int | str) -> str:
        with pytest.raises(ToolFailed) as caught:
            await self.output(file_path, **more)
        assert len(str(caught.value).encode()) <= 600
        return str(caught.value)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    root = tmp_path / "repo"
    root.mkdir()
    return Desk(root)


async def test_lines_come_numbered_and_the_file_counts_as_seen(desk: Desk) -> None:
    path = desk.write("a.py", "one\n\ttwo\n")

    output = await desk.output("a.py")

    assert output == ToolOutput(
        content="     1\tone\n     2\t\ttwo",
        data=TextReadOutput(
            file=TextFile(file_path=str(path), content="one\n\ttwo", num_lines=2, start_line=1, total_lines=2)
        ),
    )
    assert (desk.ledger.freshness(path), desk.ledger.saw_whole(path)) == ("fresh", True)


async def test_what_programs_get_is_in_their_spelling(desk: Desk) -> None:
    path = desk.write("a.txt", "x\n")

    assert msgspec.to_builtins((await desk.output("a.txt")).data) == {
        "type": "text",
        "file": {"filePath": str(path), "content": "x", "numLines": 1, "startLine": 1, "totalLines": 1},
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", "[file exists and is empty]", id="empty"),
        pytest.param(b"\n", "     1\t", id="one empty line"),
        pytest.param(b"a\r\nb\r\n", "     1\ta\n     2\tb\n[lines end in CRLF]", id="CRLF"),
        pytest.param(b"\xef\xbb\xbfa\n", "     1\ta", id="byte order mark"),
        pytest.param(b"caf\xe9\n", "     1\tcaf\u00e9\n[not UTF-8; shown as Latin-1]", id="Latin-1"),
        pytest.param("a\né\n".encode("utf-16"), "     1\ta\n     2\té", id="two bytes a character"),
        pytest.param(b"\xfe\xff\0a\0\n", "     1\ta", id="big end first"),
        pytest.param(b"a\nb", "     1\ta\n     2\tb\n[no newline at the end of the file]", id="unfinished line"),
        pytest.param("日本\n".encode(), "     1\t日本", id="wide characters"),
        pytest.param(b"BM is no bitmap\n", "     1\tBM is no bitmap", id="text that begins like a bitmap"),
        pytest.param(
            b"x" * 2_500 + b"\nb\n",
            "     1\t" + "x" * 2_000 + "… [line cut, 500 more bytes]\n     2\tb",
            id="long line",
        ),
        pytest.param(
            b"x" * 3_000_000 + b"\nb\n",
            "     1\t" + "x" * 2_000 + "… [line cut, 2,998,000 more bytes]\n     2\tb",
            id="line of megabytes",
        ),
        pytest.param(
            "é".encode() * 9_000,
            "     1\t" + "é" * 2_000 + "… [line cut, 14,000 more bytes]\n[no newline at the end of the file]",
            id="long line cut inside a character",
        ),
    ],
)
async def test_content_is_shown_as_text(desk: Desk, content: bytes, expected: str) -> None:
    desk.write("file.txt", content)

    assert await desk.text("file.txt") == expected


async def test_clipped_python_file_tells_what_comes_and_where(desk: Desk) -> None:
    job = ["class Job:", *["    x = 1"] * 30]
    run = ["async def run(", "    a,", ") -> None:", "    return", ""]
    desk.write("src/job.py", "\n".join(["import os", "", *job, "", "", *run]))

    assert (await desk.text("src/job.py", limit=20)).splitlines()[-1] == (
        "[clipped: lines 1-20 of 39. Continue with offset=21, or Grep for the name first. "
        "Outline: class Job 3-33, def run 36-39]"
    )


async def test_clip_note_is_carried_out_to_the_end(desk: Desk) -> None:
    lines = [f"line {number} " + "é" * (number % 90) for number in range(1, 5_313)]
    desk.write("big.txt", "\n".join(lines) + "\n")
    pages = [await desk.text("big.txt")]
    assert len(pages[0].encode()) < 50_300

    while note := re.search(r"\[clipped: lines \d+-\d+ of 5312\. Continue with offset=(\d+), .*\]$", pages[-1]):
        pages.append(await desk.text("big.txt", offset=int(note[1])))

    assert [line.split("\t", 1)[1] for page in pages for line in page.splitlines() if "\t" in line] == lines


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("a\té\n日 "), max_size=60), limit=st.integers(1, 4))
async def test_any_text_is_rebuilt_from_its_pages(desk: Desk, text: str, limit: int) -> None:
    desk.write("any.txt", text)
    rebuilt, offset, final = [], 1, "\n"
    while offset:
        page = await desk.text("any.txt", offset=offset, limit=limit)
        shown = [line.split("\t", 1) for line in page.split("\n") if not line.startswith("[")]
        rebuilt += [line for _, line in shown]
        final = "" if "[no newline at the end of the file]" in page else "\n"
        offset = int(note[1]) if (note := re.search(r"Continue with offset=(\d+)", page)) else 0

    assert "".join(f"{line}\n" for line in rebuilt).removesuffix("\n" if not final else "") == text


async def test_line_five_million_is_reached_without_loading_the_file(desk: Desk) -> None:
    path = desk.root / "huge.log"
    with path.open("wb") as file:
        for _ in range(6):
            file.write(b"x\n" * 1_000_000)
        file.truncate(1_000_000_000)

    text = await desk.text("huge.log", offset=5_000_000, limit=2)

    assert text.splitlines() == [
        "5000000\tx",
        "5000001\tx",
        "[clipped: lines 5000000-5000001 of a 1.0 GB file. Continue with offset=5000002, or Grep for the name first.]",
    ]


async def test_byte_order_mark_is_one_only_at_the_beginning(desk: Desk) -> None:
    desk.write("a.txt", b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n")

    assert await desk.text("a.txt", offset=2) == "     2\t\ufeffb"


async def test_file_with_a_line_that_was_cut_does_not_count_as_the_whole(desk: Desk) -> None:
    path = desk.write("a.txt", "x" * 2_001)

    await desk.text("a.txt")

    assert not desk.ledger.saw_whole(path)


async def test_part_of_a_file_does_not_count_as_the_whole(desk: Desk) -> None:
    path = desk.write("a.txt", "1\n2\n3\n")

    await desk.text("a.txt", limit=2)

    assert (desk.ledger.freshness(path), desk.ledger.saw_whole(path)) == ("fresh", False)


async def test_file_that_changes_while_it_is_read_does_not_count_as_seen(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.write("a.txt", "1\n")

    def read_slowly(*arguments: Any, **options: Any) -> ShownFile:
        shown = read_text(*arguments, **options)
        path.write_text("1\n2\n")
        return shown

    monkeypatch.setattr(read, "read_text", read_slowly)
    await desk.text("a.txt")

    assert desk.ledger.freshness(path) == "unread"


async def test_missing_file_names_the_similar_ones_and_they_open(desk: Desk) -> None:
    desk.write("src/config.py", "x = 1\n")
    desk.write("src/main.py", "")
    desk.write("node_modules/cfg.py", "")

    failure = await desk.failure("src/cfg.py")

    assert failure == f"No file src/cfg.py (root {desk.root}). Similar: src/config.py."
    assert await desk.text("src/config.py") == "     1\tx = 1"


async def test_missing_file_like_no_other_is_looked_for_by_glob(desk: Desk) -> None:
    assert await desk.failure("a.txt/zebra") == f'No file a.txt/zebra (root {desk.root}). Find it with Glob "**/zebra".'


async def test_directory_points_to_glob(desk: Desk) -> None:
    desk.write("src/a.py", "")
    desk.write("src/b.py", "")

    assert await desk.failure("src/") == 'src/ is a directory with 2 entries; use Glob "src/*".'


async def test_offset_behind_the_end_says_where_the_end_is(desk: Desk) -> None:
    desk.write("a.txt", "1\n2\n")
    desk.write("b.txt", "1\n2")

    assert await desk.failure("a.txt", offset=900) == "offset 900 is past the end (2 lines)."
    assert await desk.failure("a.txt", offset=3) == "offset 3 is past the end (2 lines)."
    assert await desk.failure("b.txt", offset=3) == "offset 3 is past the end (2 lines)."
    assert await desk.text("a.txt", offset=2) == "     2\t2"


async def test_offset_zero_is_the_beginning_and_less_is_refused(desk: Desk) -> None:
    desk.write("a.txt", "1\n")

    assert await desk.text("a.txt", offset=0) == "     1\t1"
    assert await desk.failure("a.txt", offset=-5) == (
        "offset and limit count from 1, got offset=-5, limit=2000. To see the end of a file use Bash: tail."
    )


@pytest.mark.parametrize(
    ("content", "kind", "command"),
    [
        pytest.param(b"\x7fELF\x02\x01\0\0", "ELF executable, 8 bytes", "od -c x.bin | head", id="executable"),
        pytest.param(b"PK\x03\x04\0\0", "ZIP archive, 6 bytes", "python3 -m zipfile -l x.bin", id="archive"),
        pytest.param(b"\x1f\x8b\x08\0", "gzip, 4 bytes", "gzip -dc x.bin | head -c 2000", id="compressed"),
        pytest.param(b"a\0b", "unknown format, 3 bytes", "od -c x.bin | head", id="NUL"),
        pytest.param(
            "h".encode("utf-32"), "UTF-32 text, 8 bytes", "iconv -f UTF-32 -t UTF-8 x.bin", id="four bytes a character"
        ),
    ],
)
async def test_binary_says_what_it_is_and_how_to_look_inside(
    desk: Desk, content: bytes, kind: str, command: str
) -> None:
    desk.write("x.bin", content)

    assert await desk.failure("x.bin") == f"x.bin is binary ({kind}). Look inside with Bash: {command}"


async def test_advice_for_utf_32_gives_the_text(desk: Desk) -> None:
    desk.write("x.txt", "hé\n".encode("utf-32"))
    command = (await desk.failure("x.txt")).partition("with Bash: ")[2]

    done = await anyio.run_process(["sh", "-c", command], cwd=desk.root)

    assert done.stdout.decode() == "hé\n"


async def test_megabytes_of_utf_16_are_left_to_the_shell(desk: Desk) -> None:
    with desk.write("x.txt", "hé\n".encode("utf-16")).open("r+b") as file:
        file.truncate(20_000_001)

    assert await desk.failure("x.txt") == (
        "x.txt is UTF-16 and has 20.0 MB, too much to convert here. "
        "Look inside with Bash: iconv -f UTF-16 -t UTF-8 x.txt | sed -n 1,200p"
    )


async def test_nul_far_inside_is_found_too(desk: Desk) -> None:
    desk.write("x.log", b"text\n" * 3_000 + b"a\0b\n")

    assert "line" in await desk.text("x.log", limit=10)
    assert await desk.failure("x.log", offset=2_900) == (
        "x.log is binary: a NUL stands in lines 2900-3001. "
        "Search it with Bash: grep -a, or Read other lines with offset=3002."
    )


async def test_pipes_sockets_and_devices_are_refused_unopened(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(desk.root / "pipe")
    monkeypatch.chdir(desk.root)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")

        assert await desk.failure("pipe") == (
            "pipe is a named pipe; Read takes regular files only. Look at it with Bash: timeout 2 head -c 1000 pipe"
        )
        assert (await desk.failure("socket")).startswith("socket is a socket;")
        assert (await desk.failure("/dev/zero")).startswith("/dev/zero is a character device;")


async def test_loop_of_symlinks_is_named(desk: Desk) -> None:
    (desk.root / "loop").symlink_to("loop")

    assert await desk.failure("loop") == (
        "Cannot read loop: too many levels of symbolic links. Ask the user, or go on without it."
    )


async def test_name_of_several_lines_stays_on_one(desk: Desk) -> None:
    desk.write("a\nb", b"\0")

    assert (await desk.failure("a\nb")).startswith("a\\nb is binary")


def test_access_covers_the_place_behind_a_symlink(desk: Desk) -> None:
    target = desk.write("real.txt", "")
    (desk.root / "link.txt").symlink_to(target)

    assert desk.read.accesses(ReadParameters(file_path="link.txt")) == (
        Access(effect="read", target=str(desk.root / "link.txt")),
        Access(effect="read", target=str(target)),
    )
    assert desk.read.accesses(ReadParameters(file_path="real.txt")) == (Access(effect="read", target=str(target)),)
