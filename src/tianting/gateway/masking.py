"""Keeps a provider that repeats a key in an error from telling it to a window."""

from tianting.gateway.upstream_connection import Sink


class MaskingSink:
    """Passes pieces on to `sink` with `secret` starred out. The length stays, so that the framing still holds.

    A secret that the network cut in two is not found: providers send an error as one piece.
    """

    def __init__(self, sink: Sink, secret: str) -> None:
        self._sink = sink
        self._secret = secret.encode()

    def write(self, data: bytes) -> None:
        """Take a piece."""
        self._sink.write(data.replace(self._secret, b"*" * len(self._secret)))
