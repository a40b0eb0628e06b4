"""Read on what is not plain text: pictures, notebooks, PDFs."""

import base64
import sys
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from pypdf import PdfWriter

from tianting.protocol.content import Base64Source, Image
from tianting.protocol.tool_calls import ToolOutput
from tianting.tools.contract import ToolFailed
from tianting.tools.read import Read, ReadParameters
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.reading import pdf as read_pdf
from tianting.tools.reading.image import MAX_IMAGE_BYTES, ImageFile, ImageReadOutput
from tianting.tools.reading.pdf import page_range
from tianting.tools.reading.pdf_answer import PdfAnswer
from tianting.tools.reading.pdf_pages import answer
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


async def read(root: Path, file_path: str, **more: int | str) -> ToolOutput:
    parameters = msgspec.convert({"file_path": file_path, **more}, ReadParameters)
    with anyio.fail_after(20):
        return await Read(Workspace(root), ReadLedger()).run(parameters)


async def text(root: Path, file_path: str, **more: int | str) -> str:
    content = (await read(root, file_path, **more)).content
    assert isinstance(content, str)
    return content


async def failure(root: Path, file_path: str, **more: int | str) -> str:
    with pytest.raises(ToolFailed) as caught:
        await read(root, file_path, **more)
    assert len(str(caught.value).encode()) <= 600
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "head", "media_type"),
    [
        pytest.param("a.png", PNG, "image/png", id="PNG"),
        pytest.param("a.jpg", b"\xff\xd8\xff\xe0\0", "image/jpeg", id="JPEG"),
        pytest.param("a.gif", b"GIF89a\0", "image/gif", id="GIF"),
        pytest.param("a.webp", b"RIFF\0\0\0\0WEBP", "image/webp", id="WebP"),
        pytest.param("wrong.txt", PNG, "image/png", id="name that lies"),
    ],
)
async def test_picture_is_shown_as_it_is(tmp_path: Path, name: str, head: bytes, media_type: str) -> None:
    (tmp_path / name).write_bytes(head)
    data = base64.b64encode(head).decode()

    assert await read(tmp_path, name) == ToolOutput(
        content=(Image(source=Base64Source(media_type=media_type, data=data)),),
        data=ImageReadOutput(file=ImageFile(base64=data, type=media_type, original_size=len(head))),
    )


async def test_big_picture_is_refused_and_a_smaller_copy_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG.ljust(MAX_IMAGE_BYTES + 1, b"\0"))
    (tmp_path / "small.png").write_bytes(PNG.ljust(MAX_IMAGE_BYTES, b"\0"))

    assert await failure(tmp_path, "a.png") == (
        "a.png has 3.9 MB; a picture may have 3.9 MB. "
        "Make a smaller copy with Bash (ImageMagick's convert, ffmpeg, or Python's Pillow) and Read that."
    )
    assert isinstance((await read(tmp_path, "small.png")).content, tuple)


def notebook(*cells: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def code(source: str | list[str], *outputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": outputs, "metadata": {}, **more}


async def test_notebook_is_shown_by_cell(tmp_path: Path) -> None:
    cells = (
        {"cell_type": "markdown", "id": "intro", "source": ["# Title\n", "text"], "metadata": {}},
        code(
            "print('hi')\n1/0",
            {"output_type": "stream", "name": "stdout", "text": ["hi\n"]},
            {
                "output_type": "error",
                "ename": "ZeroDivisionError",
                "evalue": "no",
                "traceback": ["\x1b[31mat 2\x1b[0m"],
            },
            {"output_type": "display_data", "data": {"text/plain": ["<Figure>"], "image/png": "AAAA"}, "metadata": {}},
            execution_count=3,
        ),
    )
    (tmp_path / "a.ipynb").write_bytes(notebook(*cells))

    assert await text(tmp_path, "a.ipynb") == (
        "--- cell 1: markdown, id intro ---\n# Title\ntext\n"
        "--- cell 2: code, id cell-1, run 3 ---\nprint('hi')\n1/0\n"
        "--- output of cell 2 ---\nhi\n\n"
        "--- output of cell 2 ---\nat 2\nZeroDivisionError: no\n"
        "--- output of cell 2 ---\n<Figure>\n[image/png not shown]"
    )


async def test_long_notebook_is_read_to_its_end_by_its_own_advice(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(notebook(*(code("x" * 19_000) for _ in range(5))))

    assert (await text(tmp_path, "a.ipynb")).endswith("[clipped: cells 1-2 of 5. Continue with offset=3]")
    assert (await text(tmp_path, "a.ipynb", offset=3)).endswith("[clipped: cells 3-4 of 5. Continue with offset=5]")
    assert (await text(tmp_path, "a.ipynb", offset=5)).startswith("--- cell 5: code, id cell-4 ---\nxxx")
    assert await failure(tmp_path, "a.ipynb", offset=6) == "offset 6 is past the end (5 cells)."


async def test_notebook_counts_as_seen_only_with_all_its_sources(tmp_path: Path) -> None:
    ledger = ReadLedger()
    tool = Read(Workspace(tmp_path), ledger)
    short, long = tmp_path / "short.ipynb", tmp_path / "long.ipynb"
    short.write_bytes(notebook(code("x", {"output_type": "stream", "text": "o" * 5_000})))
    long.write_bytes(notebook(code("x" * 20_001)))

    shown = [(await tool.run(ReadParameters(file_path=str(path)))).content for path in (short, long)]

    assert (ledger.saw_whole(short), ledger.saw_whole(long)) == (True, False)
    assert "[… 3,000 characters cut …]" in shown[0]
    assert str(shown[1]).endswith("x… [cell cut, 1 more characters]")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b'{"cells": 3}\n', '     1\t{"cells": 3}', id="no notebook"),
        pytest.param(notebook(), "[notebook without cells]", id="no cells"),
    ],
)
async def test_odd_notebooks_are_shown_too(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "a.ipynb").write_bytes(content)

    assert await text(tmp_path, "a.ipynb") == expected


async def test_notebook_nested_too_deeply_is_shown_as_text(tmp_path: Path) -> None:
    start = '{"cells":[{"cell_type":"code","outputs":[{"data":{"x":'
    (tmp_path / "a.ipynb").write_text(f"{start}{'[' * 3000}{']' * 3000}}}}}]}}]}}")

    assert (await text(tmp_path, "a.ipynb")).startswith(f"     1\t{start}")


async def test_notebook_of_many_megabytes_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.ipynb").open("wb") as file:
        file.write(b"{" + b" " * 10_000)
        file.truncate(50_000_001)

    assert await failure(tmp_path, "a.ipynb") == (
        "a.ipynb has 50.0 MB, too much for a notebook. "
        "Take its sources with Bash: jq -r '.cells[].source | add' a.ipynb | head -c 20000"
    )


def pdf(pages: Sequence[str]) -> bytes:
    """A PDF with one line of text on each page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, line in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 720 Td ({line}) Tj ET" if line else ""
        resources = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
        objects += [
            f"<< /Type /Page /Parent 2 0 R {resources} /Contents {5 + 2 * number} 0 R >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    return f"{body}{head}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n".encode()


async def test_pdf_is_shown_by_page(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["Hello", ""]))

    assert await text(tmp_path, "a.pdf") == ("--- page 1 ---\nHello\n--- page 2 ---\n[no text: a scan or a drawing]")


async def test_long_pdf_wants_a_choice_and_takes_it(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([f"Page {number}" for number in range(1, 13)]))

    assert await failure(tmp_path, "a.pdf") == 'a.pdf has 12 pages. Choose at most 20, e.g. pages="1-10".'
    assert (await text(tmp_path, "a.pdf", pages="1-10")).endswith(
        'Page 10\n[clipped: pages 1-10 of 12. Continue with pages="11-"]'
    )
    assert await text(tmp_path, "a.pdf", pages="11-") == "--- page 11 ---\nPage 11\n--- page 12 ---\nPage 12"
    assert await failure(tmp_path, "a.pdf", pages="13") == "Page 13 is past the end (a.pdf has 12 pages)."


async def test_pages_full_of_text_are_clipped_by_page(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["word " * 8_000, "word " * 8_000]))

    shown = await text(tmp_path, "a.pdf")

    assert len(shown) < 50_000
    assert shown.endswith('[clipped: pages 1-1 of 2. Continue with pages="2-"]')


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        pytest.param("3", (3, 3), id="one"),
        pytest.param(" 1-5 ", (1, 5), id="range"),
        pytest.param("4-", (4, 23), id="open end"),
        pytest.param("1,3", 'pages takes one range, got "1,3". Example: pages="1-5".', id="list"),
        pytest.param("5-1", 'pages counts upwards from 1, got "5-1". Example: pages="1-5".', id="backwards"),
        pytest.param("0", 'pages counts upwards from 1, got "0". Example: pages="1-5".', id="zero"),
        pytest.param("1-21", 'At most 20 pages at once; begin with pages="1-20".', id="too many"),
    ],
)
def test_page_range(pages: str, expected: tuple[int, int] | str) -> None:
    if isinstance(expected, tuple):
        assert page_range(pages) == expected
        return
    with pytest.raises(ToolFailed) as caught:
        page_range(pages)
    assert str(caught.value) == expected


async def test_damaged_pdf_is_a_plain_failure(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4\ngarbage")

    assert "Cannot read a.pdf: " in await failure(tmp_path, "a.pdf")


async def test_pdf_that_crashes_its_reader_is_a_plain_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["x"]))
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))

    assert await failure(tmp_path, "a.pdf") == (
        "Cannot read a.pdf: its reader crashed. Another reader may do better, with Bash: pdftotext a.pdf - | head -200"
    )


async def test_pdf_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["x"]))
    endless = tmp_path / "python"
    endless.write_text("#!/bin/sh\nexec sleep 60\n")
    endless.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(endless))
    monkeypatch.setattr(read_pdf, "TIME_LIMIT", 0.1)

    assert "it took more than 0.1 s" in await failure(tmp_path, "a.pdf")


async def test_module_in_the_users_tree_is_not_what_reads_the_pdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["Hello"]))
    (tmp_path / "pypdf.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)

    assert "Hello" in await text(tmp_path, "a.pdf")


def test_reader_process_answers_without_a_process(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(["One", "Two"]))

    with path.open("rb") as document:
        assert answer(document, 2, 9) == PdfAnswer(count=2, texts=("Two",))
    assert answer(document, 1, 1).error == "seek of closed file"


async def test_locked_pdf_says_so_and_an_empty_password_opens(tmp_path: Path) -> None:
    for name, password in (("locked.pdf", "secret"), ("open.pdf", "")):
        writer = PdfWriter(BytesIO(pdf(["Hello"])))
        writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
        writer.write(tmp_path / name)

    assert (await failure(tmp_path, "locked.pdf")).startswith("Cannot read locked.pdf: it is locked with a password. ")
    assert "Hello" in await text(tmp_path, "open.pdf")


async def test_pdf_that_swells_takes_nothing_down(tmp_path: Path) -> None:
    swollen = zlib.compress(b"\0" * 400_000_000, 9)
    body = pdf([""]).replace(
        b"<< /Length 0 >>\nstream\n\nendstream",
        b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(swollen), swollen),
    )
    (tmp_path / "a.pdf").write_bytes(body)

    assert (await failure(tmp_path, "a.pdf")).startswith("Cannot read a.pdf: ")
