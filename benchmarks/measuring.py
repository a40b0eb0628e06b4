"""Runs one program against the scripted model server and reads off what it cost."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

TIME_LIMIT = 300.0
"""Seconds for one run."""


class Run(Struct, frozen=True, kw_only=True):
    """One run of one program."""

    started_ns: int
    cpu: float
    """Seconds of processor time, its children's included."""
    peak_mb: float
    """Largest resident memory of the program itself."""
    requests: list[dict[str, Any]]
    memory_mb: list[float]
    """Resident memory, every 50 ms."""

    @property
    def first_request(self) -> float:
        """Seconds from start to the first byte of the first request."""
        return float(self.requests[0]["arrived_ns"] - self.started_ns) / 1e9

    @property
    def request_bytes(self) -> int:
        """Size of the first request's body."""
        return int(self.requests[0]["headers"]["content-length"])

    @property
    def turns(self) -> list[float]:
        """Seconds from the end of each answer to the next request: the agent's own time, its tools included."""
        pairs = zip(self.requests, self.requests[1:], strict=False)
        return [(after["arrived_ns"] - before["answered_ns"]) / 1e9 for before, after in pairs]


@contextlib.contextmanager
def model_server(script: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    """A scripted model server in a process of its own: its address and its log of requests."""
    with tempfile.TemporaryDirectory(prefix="tianting-bench-") as directory:
        path, log = Path(directory, "script.yaml"), Path(directory, "requests.jsonl")
        path.write_bytes(msgspec.json.encode(script))  # JSON is YAML
        command = [sys.executable, "-m", "tianting.testing.model_server", str(path), "--log", str(log), "--no-bodies"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                yield server.stdout.readline().split()[-1], log
            finally:
                server.terminate()


def run(command: list[str], environment: dict[str, str], log: Path) -> Run:
    """Run `command` to its end in an empty git repository with a home of its own."""
    log.write_bytes(b"")
    with project_directory() as project:
        started = time.monotonic_ns()
        process = _start(command, environment, project)
        samples: list[float] = []
        watcher = threading.Thread(target=_watch_memory, args=(process.pid, samples), daemon=True)
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        watcher.join()
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    requests = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
    return Run(
        started_ns=started,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
        requests=[request for request in requests if request["method"] == "POST"],
        memory_mb=samples,
    )


def interrupted(command: list[str], environment: dict[str, str], mark: str) -> float:
    """Seconds from Ctrl-C to the end of `command`, which is stopped when its tool has made the file `mark`."""
    with project_directory() as project, _start(command, environment, project, quiet=True) as process:
        deadline = time.monotonic() + TIME_LIMIT
        while not (project / mark).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        told = time.perf_counter()
        process.send_signal(signal.SIGINT)
        process.wait(TIME_LIMIT)
        return time.perf_counter() - told


def duration(command: list[str]) -> float:
    """Seconds that `command` takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=TIME_LIMIT)
    return time.perf_counter() - started


@contextlib.contextmanager
def project_directory() -> Iterator[Path]:
    """An empty git repository in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="tianting-bench-") as directory:
        project = Path(directory, "project")
        project.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
        yield project


def _start(
    command: list[str], environment: dict[str, str], project: Path, *, quiet: bool = False
) -> "subprocess.Popen[bytes]":
    variables = {**own_variables(), "HOME": str(project.parent), "PYTHONPATH": str(Path.cwd()), **environment}
    errors = subprocess.DEVNULL if quiet else None  # what fails must say why
    return subprocess.Popen(
        command, cwd=project, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
    )


def own_variables() -> dict[str, str]:
    """What a program needs of our environment."""
    kept = ("PATH", "LANG", "TERM")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _watch_memory(pid: int, samples: list[float]) -> None:
    page_mb = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
    deadline = time.monotonic() + TIME_LIMIT
    while time.monotonic() < deadline:
        try:
            resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return
        if resident == 0:  # it has ended and waits to be reaped
            return
        samples.append(resident * page_mb)
        time.sleep(0.05)
