"""Text that can leave the process: a name or an argument that is no UTF-8 reaches us with half surrogates in it.

They stand for bytes (PEP 383), so paths keep them; neither JSON nor a terminal can carry them.
"""

from typing import Any


def well_formed(text: str) -> str:
    """`text` with each half surrogate turned into U+FFFD, and each pair of halves into its character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def well_formed_json(value: Any) -> Any:
    """The same for every text inside a value of JSON's types."""
    match value:
        case str():
            return well_formed(value)
        case dict():
            return {well_formed_json(key): well_formed_json(item) for key, item in value.items()}
        case list() | tuple():
            return [well_formed_json(item) for item in value]
        case _:
            return value
