"""The authorities that a provider's certificate is held against: without keeping them each client loads them for 18 ms.

A process that is forked from a warm image finds them loaded, unless its environment names others.
"""

import os
import ssl
from functools import lru_cache

import httpx2

_CHOSEN_BY = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def trusted_roots() -> ssl.SSLContext:
    """Those of the system, or those that the environment names."""
    return _loaded(*map(os.environ.get, _CHOSEN_BY))


@lru_cache(maxsize=2)
def _loaded(*_chosen: str | None) -> ssl.SSLContext:
    return httpx2.create_ssl_context()
