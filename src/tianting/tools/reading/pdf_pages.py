"""A process that turns pages of one PDF into text and ends.

    python -P -m tianting.tools.reading.pdf_pages <first> <last> < document

A PDF comes from anywhere and its parser is large. Here a document that eats memory, never ends or crashes the
parser takes nothing down but this process, and the parser stays out of the agent's memory. It comes as an open file:
its path may lead elsewhere by now.
"""

import resource
import sys
from collections.abc import Sequence
from typing import BinaryIO

import msgspec
from pypdf import PasswordType, PdfReader

from tianting.tools.reading.pdf_answer import PdfAnswer

MEMORY_LIMIT = 1 << 30
"""Bytes of address space."""
CPU_LIMIT = 30
"""Seconds."""
MAX_PAGE_CHARS = 50_000


def main(arguments: Sequence[str]) -> None:
    """Answer on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    first, last = arguments
    sys.stdout.buffer.write(msgspec.json.encode(answer(sys.stdin.buffer, int(first), int(last))))


def answer(document: BinaryIO, first: int, last: int) -> PdfAnswer:
    """Read pages `first` to `last` (from 1). A range that is not there gives the count and no texts."""
    try:
        return _read(document, first, last)
    except MemoryError:
        return PdfAnswer(error="it needs too much memory")
    except Exception as error:  # whatever a hostile document makes the parser raise is the answer
        return PdfAnswer(error=str(error).partition("\n")[0][:200] or "it is damaged")


def _read(document: BinaryIO, first: int, last: int) -> PdfAnswer:
    reader = PdfReader(document)
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        return PdfAnswer(error="it is locked with a password")
    count = len(reader.pages)
    texts = tuple(
        reader.pages[number - 1].extract_text()[:MAX_PAGE_CHARS] for number in range(first, min(last, count) + 1)
    )
    return PdfAnswer(count=count, texts=texts)


if __name__ == "__main__":
    main(sys.argv[1:])
