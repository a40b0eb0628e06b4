"""Says at once when an edit broke a file, while the model still knows what it changed. Never blocks the edit."""

import ast
import sys
import warnings
from pathlib import PurePath

import msgspec

_MAX_CHARS = 200_000
"""A larger file would hold up everything else for longer than the news is worth."""
_TOO_DEEP = "nested too deeply"
_VERSION = f"Python {sys.version_info.major}.{sys.version_info.minor}"


def new_problem(path: PurePath, before: str, after: str) -> str:
    """`line 44: '(' was never closed (Python 3.11)`, or nothing where all is well or nothing was before."""
    check = {".py": _python, ".pyi": _python, ".json": _json}.get(path.suffix)
    if check is None or len(after) > _MAX_CHARS:
        return ""
    problem = check(after)
    return problem if problem and not (before and check(before)) else ""


def _python(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        place = f"line {error.lineno}: " if error.lineno else ""
        return f"{place}{error.msg} ({_VERSION})"
    except ValueError as error:
        return f"{error} ({_VERSION})"
    except (RecursionError, MemoryError):
        return _TOO_DEEP
    return ""


def _json(text: str) -> str:
    try:
        msgspec.json.decode(text)
    except RecursionError:
        return _TOO_DEEP
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        line = _line_of_byte(text, str(error))
        return f"line {line}: {str(error).partition(' (byte')[0]}" if line else str(error)
    return ""


def _line_of_byte(text: str, message: str) -> int:
    """msgspec names the byte; people and models count lines. 0 where it names none."""
    offset = message.rpartition("(byte ")[2].removesuffix(")")
    return text.encode("utf-8", "replace")[: int(offset)].count(b"\n") + 1 if offset.isdigit() else 0
