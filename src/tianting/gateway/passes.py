"""The tokens that windows hold instead of keys: bound to a window and an owner, short-lived, revocable.

`tgw_` + eight characters that find the pass + `_` + the secret. Only a digest of the secret is kept, and it is compared
in constant time, so neither memory nor timing gives a token away.
"""

import hashlib
import hmac
from collections.abc import Callable

from msgspec import Struct

_PREFIX = "tgw_"
_ID_CHARACTERS = 8
_NOBODYS = hashlib.sha256(b"").digest()


class Pass(Struct, frozen=True, kw_only=True):
    """What a token stands for."""

    window: str
    owner: str
    expires_at: float
    """Seconds of the clock that never goes back."""
    digest: bytes


class Passes:
    """All passes that are good. `new_secret(n)` gives n random bytes as hexadecimal digits."""

    def __init__(self, new_secret: Callable[[int], str]) -> None:
        self._new_secret = new_secret
        self._passes: dict[str, Pass] = {}

    def __len__(self) -> int:
        return len(self._passes)

    def issue(self, window: str, owner: str, *, lives: float, now: float) -> str:
        """A new token, good for `lives` seconds. Older ones of the window stay good, for requests on their way."""
        self._drop_expired(now)
        id_, secret = self._new_secret(_ID_CHARACTERS // 2), self._new_secret(24)
        self._passes[id_] = Pass(window=window, owner=owner, expires_at=now + lives, digest=_digest(secret))
        return f"{_PREFIX}{id_}_{secret}"

    def readmit(self, token: str, window: str, owner: str, *, lives: float, now: float) -> None:
        """Let `token` count again for `lives` seconds: a gateway that comes back knows none of those it gave out.

        It has the form of an issued one; whoever calls keeps it secret.
        """
        id_, _, secret = token.removeprefix(_PREFIX).partition("_")
        self._passes[id_] = Pass(window=window, owner=owner, expires_at=now + lives, digest=_digest(secret))

    def check(self, token: str, now: float) -> Pass | None:
        """Whose `token` is; None when it is nobody's, any more."""
        id_, _, secret = token.removeprefix(_PREFIX).partition("_")
        found = self._passes.get(id_)
        same = hmac.compare_digest(_digest(secret), found.digest if found else _NOBODYS)
        return found if found and same and token.startswith(_PREFIX) and now < found.expires_at else None

    def still_good(self, held: Pass, now: float) -> bool:
        """Whether `held`, which `check` gave, has neither been revoked since nor expired."""
        return now < held.expires_at and any(held is each for each in self._passes.values())

    def revoke(self, what: str) -> frozenset[str]:
        """End the token `what`, or all tokens of the window `what`; the windows that lost one."""
        id_ = what.removeprefix(_PREFIX).partition("_")[0] if what.startswith(_PREFIX) else ""
        ended = {each for each, held in self._passes.items() if each == id_ or held.window == what}
        return frozenset(self._passes.pop(each).window for each in ended)

    def _drop_expired(self, now: float) -> None:
        self._passes = {id_: held for id_, held in self._passes.items() if now < held.expires_at}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
