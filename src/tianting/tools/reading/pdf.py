"""PDFs for the model: text by page, read by another process (see `pdf_pages`)."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import anyio
import msgspec

from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import ToolOutput
from tianting.tools.contract import ToolFailed
from tianting.tools.reading.opened_file import OpenedFile
from tianting.tools.reading.pdf_answer import PdfAnswer
from tianting.tools.reading.shown_file import ShownFile
from tianting.tools.reading.text import TextFile, TextReadOutput
from tianting.tools.reading.text_page import MAX_PAGE_BYTES

MAX_PAGES_UNASKED = 10
MAX_PAGES = 20
"""At once."""
TIME_LIMIT = 30.0
"""Seconds for the whole document."""
_RANGE = re.compile(r"(\d{1,6})(?:\s*-\s*(\d{1,6})?)?")


async def read_pdf(file: OpenedFile, pages: str) -> ShownFile:
    """Read `pages` ("3", "1-5", "4-") of `file`; all of them when that is empty and they are few.

    Raises `ToolFailed`. The child process is gone when this returns or is cancelled.
    """
    name = file.name
    first, last = page_range(pages) if pages.strip() else (1, MAX_PAGES_UNASKED)
    answer = await _ask_child(file, first, last)
    if not pages.strip() and answer.count > MAX_PAGES_UNASKED:
        raise ToolFailed(
            f'{name} has {answer.count} pages. Choose at most {MAX_PAGES}, e.g. pages="1-{MAX_PAGES_UNASKED}".'
        )
    if first > answer.count:
        raise ToolFailed(f"Page {first} is past the end ({name} has {answer.count} pages).")
    return _shown(answer, file.path, first)


def page_range(pages: str) -> tuple[int, int]:
    """First and last page, from 1. Raises `ToolFailed` for what is no range, or too long a one."""
    match = _RANGE.fullmatch(pages.strip())
    if match is None:
        raise ToolFailed(f'pages takes one range, got "{printable(pages, 60)}". Example: pages="1-5".')
    first = int(match[1])
    last = int(match[2]) if match[2] else first + MAX_PAGES - 1 if "-" in pages else first
    if first < 1 or last < first:
        raise ToolFailed(f'pages counts upwards from 1, got "{printable(pages, 60)}". Example: pages="1-5".')
    if last - first >= MAX_PAGES:
        raise ToolFailed(f'At most {MAX_PAGES} pages at once; begin with pages="{first}-{first + MAX_PAGES - 1}".')
    return first, last


async def _ask_child(file: OpenedFile, first: int, last: int) -> PdfAnswer:
    # -P: a `pypdf.py` in the user's tree must not be what is imported.
    command = [sys.executable, "-P", "-m", "tianting.tools.reading.pdf_pages", str(first), str(last)]
    try:
        with anyio.fail_after(TIME_LIMIT):
            done = await anyio.run_process(
                command, stdin=file.rewound(), stderr=subprocess.DEVNULL, check=False, start_new_session=True
            )
        answer = msgspec.json.decode(done.stdout, type=PdfAnswer)
    except TimeoutError as error:
        raise _unreadable(file.name, f"it took more than {TIME_LIMIT:g} s") from error
    except msgspec.DecodeError as error:
        raise _unreadable(file.name, "its reader crashed") from error
    if answer.error:
        raise _unreadable(file.name, answer.error)
    return answer


def _shown(answer: PdfAnswer, path: Path, first: int) -> ShownFile:
    texts: list[str] = []
    room = MAX_PAGE_BYTES
    for number, text in enumerate(answer.texts, start=first):
        page = f"--- page {number} ---\n{text.strip() or '[no text: a scan or a drawing]'}"
        room -= len(page.encode()) + 1
        if texts and room < 0:
            break
        texts.append(page)
    last = first - 1 + len(texts)
    if last < answer.count:
        texts.append(f'[clipped: pages {first}-{last} of {answer.count}. Continue with pages="{last + 1}-"]')
    content = "\n".join(texts)
    facts = TextFile(
        file_path=str(path), content=content, num_lines=content.count("\n") + 1, start_line=1, total_lines=None
    )
    return ShownFile(output=ToolOutput(content=content, data=TextReadOutput(file=facts)), whole=False)


def _unreadable(name: str, reason: str) -> ToolFailed:
    return ToolFailed(
        f"Cannot read {name}: {reason.rstrip('.')}. "
        f"Another reader may do better, with Bash: pdftotext {shlex.quote(name)} - | head -200"
    )
