"""Keeps keys out of what is written down: a log is copied into issues and chats by people who do not read it first.

Two ways in: a name that says that its value is a secret, and the look of a secret in the middle of a text.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

MASK = "***"

_NAME = re.compile(
    r"(.*[_\-. ])?(api[_-]?key|access[_-]?key([_-]?id)?|private[_-]?key|client[_-]?secret|secret([_-]?key)?"
    r"|(set-)?cookie|(auth|access|refresh|id|bearer|session|oauth|csrf)?[_-]?token|password|passwd|passphrase|credentials?"
    r"|(proxy-)?authorization|custom[_-]headers)",
    re.IGNORECASE,
)
# What may begin anywhere has an upper bound: whoever can write a log line must not keep us busy with it.
_SHAPES = re.compile(
    r"""
      \b(?:sk|pk|rk)-[A-Za-z0-9_-]{12,}        # Anthropic, OpenAI and their imitators
    | \btgw_[A-Za-z0-9_]{8,}                    # passes of our gateway
    | \b(?:gh[pousr]_|github_pat_|glpat-|hf_|npm_|pypi-)[A-Za-z0-9_-]{16,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b
    | \bAIza[A-Za-z0-9_-]{30,}
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]*   # JSON web token
    | -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_SCHEME = re.compile(r"\b(Bearer|Basic|Digest|Negotiate)\s{1,8}[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_PAIR = re.compile(
    r"""(?<![A-Za-z0-9_.-])
        (?P<name>[A-Za-z0-9_.-]{0,80}(?:key|token|secret|passw(?:or)?d|passphrase|authorization|credentials?|cookie))
        (?P<between>["']?\s{0,8}[:=]\s{0,8}["']?)
        (?P<value>(?!\*\*\*)[^\s"',;&}\])]+)""",
    re.VERBOSE | re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,20}://)[^\s/:@]{0,200}:[^\s/@]{1,1000}@", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a variable, a header or a field of this name holds a secret: `ANTHROPIC_API_KEY`, `x-api-key`."""
    return _NAME.fullmatch(name) is not None


def masked(text: str) -> str:
    """`text` with the secrets in it replaced. What merely looks like one goes, too."""
    text = _SCHEME.sub(lambda found: f"{found[1]} {MASK}", text)
    text = _SHAPES.sub(MASK, text)
    text = _IN_ADDRESS.sub(lambda found: f"{found['scheme']}{MASK}@", text)
    return _PAIR.sub(_masked_pair, text)


def masked_value(value: Any) -> Any:
    """The same for whatever a log line may carry, with its shape kept."""
    match value:
        case str():
            return masked(value)
        case Mapping():
            return {
                name: MASK if isinstance(name, str) and is_secret_name(name) and entry else masked_value(entry)
                for name, entry in value.items()
            }
        case bytes() | bytearray():
            return masked(value.decode("utf-8", "replace"))
        case Sequence():
            return [masked_value(entry) for entry in value]
        case None | bool() | int() | float():
            return value
        case _:
            return masked(repr(value))


def _masked_pair(found: re.Match[str]) -> str:
    if not is_secret_name(found["name"]):
        return found[0]
    # The name of a scheme is worth more than nothing: `Authorization: Bearer ***` is left as it is.
    if found["value"].lower() in ("bearer", "basic", "digest", "negotiate"):
        return found[0]
    return f"{found['name']}{found['between']}{MASK}"
