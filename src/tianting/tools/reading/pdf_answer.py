"""What the process that opens a PDF says to the one that asked: apart from both, so that neither loads the other."""

from msgspec import Struct


class PdfAnswer(Struct, frozen=True, kw_only=True):
    """One line of JSON on standard output."""

    count: int = 0
    """Pages of the document."""
    texts: tuple[str, ...] = ()
    """Of the pages that were asked for, in order."""
    error: str = ""
    """Why there is nothing, in a few words."""
