"""Reads a client's lines and hands each to whoever it is for; without it nothing would reach a running turn.

    bytes → lines → decoded → prompts · answers of ours · questions of ours

Nothing here waits for the agent. It stops reading only while too many answers lie unread.
"""

from typing import assert_never

from tianting.protocol.client_lines import (
    Answered,
    ClientLine,
    EnvironmentUpdate,
    KeepAlive,
    PromptLine,
    Refused,
    Withdrawn,
    read_line,
)
from tianting.protocol.control import ControlRequest
from tianting.session.session import Session
from tianting.surfaces.stream_json.answering import Answers
from tianting.surfaces.stream_json.connection import Connection
from tianting.surfaces.stream_json.input import LineSplitter
from tianting.surfaces.stream_json.prompts import Prompts


class Reader:
    """Reads one client to the end of its input."""

    def __init__(self, connection: Connection, session: Session, prompts: Prompts, answers: Answers) -> None:
        self._connection = connection
        self._session = session
        self._prompts = prompts
        self._answers = answers

    async def run(self, splitter: LineSplitter) -> None:
        """Read until the client ends its input; the last line may lack its line feed. Raises `ProtocolError`."""
        while chunk := await self._connection.input.read():
            for line in splitter.feed(chunk):
                self._take(line)
                await self._connection.outlet.until_room()
        self._take(splitter.rest())

    def close(self) -> None:
        """Ask the client nothing more, and take nothing more in; what waits is still done."""
        self._connection.link.close()
        self._session.inbox.close()

    def _take(self, line: bytearray) -> None:
        if (decoded := read_line(line)) is not None:
            self._hand_on(decoded, len(line))

    def _hand_on(self, line: ClientLine, size: int) -> None:
        match line:
            case PromptLine():
                self._prompts.take(line, size)
            case ControlRequest():
                self._answers.take(line)
            case Answered() | Refused():
                self._connection.link.answered(line)
            case Withdrawn():
                self._answers.withdraw(line.request_id)
            case EnvironmentUpdate():
                self._answers.update_environment(line)
            case KeepAlive():
                pass
            case _:
                assert_never(line)
