"""Drives one program by the headless protocol, and reads off what each step cost."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measuring import own_variables, project_directory

Line = dict[str, Any]

_encode = msgspec.json.Encoder().encode


class Conversation:
    """A running program on whose pipes we are."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._input, self._output = process.stdin, process.stdout
        self._asked = 0

    def ask(self, request: Line) -> float:
        """Seconds until a control request is answered."""
        self._asked += 1
        name, begun = f"b{self._asked}", time.perf_counter()
        self._send({"type": "control_request", "request_id": name, "request": request})
        self._until(lambda line: line["type"] == "control_response" and line["response"]["request_id"] == name)
        return time.perf_counter() - begun

    def begin(self, text: str) -> int:
        """Send a prompt and wait for nothing. Gives the moment, in nanoseconds of the monotonic clock."""
        sent = time.monotonic_ns()
        self._send({"type": "user", "message": {"role": "user", "content": text}})
        return sent

    def turn(self, text: str) -> float:
        """Seconds from a prompt to its result."""
        begun = time.perf_counter()
        self.begin(text)
        self._until(lambda line: line["type"] == "result")
        return time.perf_counter() - begun

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024

    def wake_ups(self) -> int:
        """How often its main thread has slept and woken."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("voluntary_ctxt_switches:")[2].split()[0])

    def _send(self, line: Line) -> None:
        self._input.write(_encode(line) + b"\n")
        self._input.flush()

    def _until(self, wanted: Callable[[Line], bool]) -> None:
        while text := self._output.readline():
            if text.startswith(b'{"type":"stream_event"'):  # most of them, and never the one
                continue
            if wanted(msgspec.json.decode(text)):
                return
        raise SystemExit("The program ended in the middle of a conversation.")


@contextlib.contextmanager
def conversation(command: list[str], environment: dict[str, str]) -> Iterator[Conversation]:
    """Start `command` in an empty repository with a home of its own; leaving ends it."""
    with project_directory() as project:
        variables = {**own_variables(), "HOME": str(project.parent), **environment}
        with subprocess.Popen(
            command,
            cwd=project,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield Conversation(process)
            finally:
                process.terminate()
