"""An output that keeps what was written, so that tests read it as text."""


class KeptOutput:
    """Takes everything at once."""

    def __init__(self) -> None:
        self.data = b""

    @property
    def text(self) -> str:
        return self.data.decode()

    async def write(self, data: bytes) -> None:
        self.data += data

    async def flush(self) -> None:
        """Nothing waits here."""
