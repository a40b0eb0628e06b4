"""What windows get instead of keys: the gateway's address, and a token that the next gateway knows, too.

A window outlives the fleet that started it, so its token must outlive the gateway. Tokens are therefore derived from
one secret of the fleet, and let in again by each gateway.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tianting.fleet.ground.isolation import relay_address
from tianting.fleet.window import OVER, Window
from tianting.gateway.gateway import Gateway
from tianting.plumbing.atomic_file import write_atomically

LIVES = 7 * 86_400.0
"""Seconds that a token is good for unless its window is destroyed before."""
RENEWED = LIVES / 2
"""Seconds after which those of living windows are let in again."""


class WindowPasses:
    """Of one fleet with a gateway."""

    def __init__(self, gateway: Gateway, secret: bytes, port: int, *, is_cut_off: Callable[[Window], bool]) -> None:
        """`is_cut_off`: whether a window has a loopback of its own, where the gateway is reached by a relay."""
        self._gateway = gateway
        self._secret = secret
        self._port = port
        self._is_cut_off = is_cut_off

    def variables(self, window: Window) -> Mapping[str, str]:
        """What agents of either kind look for."""
        token = _admit(self._gateway, self._secret, window)
        url = relay_address() if self._is_cut_off(window) else f"http://127.0.0.1:{self._port}"
        return {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": token,
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_API_KEY": token,
        }

    def renew(self, windows: Iterable[Window]) -> None:
        """Let the tokens of living windows count for as long again."""
        let_in(self._gateway, self._secret, windows)

    def revoke(self, window_id: str) -> None:
        """The window is destroyed."""
        self._gateway.revoke(window_id)


def let_in(gateway: Gateway, secret: bytes, windows: Iterable[Window]) -> None:
    """Let the tokens of living windows count from now on; done before a gateway listens, or they would be refused."""
    for window in windows:
        if window.status not in OVER:
            _admit(gateway, secret, window)


def fleet_secret(path: Path) -> bytes:
    """The secret that is kept at `path`, for its owner alone; made if it is missing. Raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        write_atomically(path, secrets.token_bytes(32), mode=0o600, durable=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _admit(gateway: Gateway, secret: bytes, window: Window) -> str:
    digest = hmac.digest(secret, window.window_id.encode(), hashlib.sha256).hex()
    token = f"tgw_{digest[:8]}_{digest[8:56]}"
    gateway.readmit(token, window.window_id, window.owner or "local", lives=LIVES)
    return token
