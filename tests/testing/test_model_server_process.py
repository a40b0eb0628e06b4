"""The server as a process of its own, as benchmarks and demonstrations start it."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import msgspec
import pytest

SCRIPT = "replies:\n- {text: Hello.}\n- {text: Again.}\n"
ASKED = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]}
HEADERS = {"anthropic-version": "2023-06-01", "x-api-key": "secret"}
COMMAND = [sys.executable, "-m", "tianting.testing.model_server"]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT)
    return path


@contextmanager
def running(*arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip().removeprefix("listening on "), process
        finally:
            process.kill()


def say(base_url: str) -> httpx2.Response:
    return httpx2.post(f"{base_url}/v1/messages", json=ASKED, headers=HEADERS, trust_env=False, timeout=5)


def test_process_plays_until_it_is_told_to_end(script: Path, tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    with running(str(script), "--log", str(log), "--key", "secret") as (base_url, process):
        texts = [say(base_url).json()["content"][0]["text"] for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        code = process.wait(5)

    lines = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
    assert (texts, code) == (["Hello.", "Hello."], 0)
    assert [line["body"] for line in lines] == [ASKED, ASKED]
    assert all(line["arrived_ns"] < line["answered_ns"] for line in lines)
    assert lines[0]["answered_ns"] < lines[1]["arrived_ns"]
    assert lines[0]["headers"]["x-api-key"] == "[key]"


def test_shared_script_goes_on_for_whoever_asks(script: Path) -> None:
    with running(str(script), "--shared") as (base_url, _):
        texts = [say(base_url).json()["content"][0]["text"] for _ in range(2)]

    assert texts == ["Hello.", "Again."]


def test_body_that_is_no_json_is_logged_as_text(script: Path, tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    with running(str(script), "--log", str(log)) as (base_url, process):
        httpx2.post(f"{base_url}/v1/messages", content=b"\xffhello", headers=HEADERS, trust_env=False, timeout=5)
        process.send_signal(signal.SIGINT)
        process.wait(5)

    assert msgspec.json.decode(log.read_bytes())["body"] == "\ufffdhello"


def test_broken_script_ends_it_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("replay: []")

    ended = subprocess.run([*COMMAND, str(path)], capture_output=True, text=True, timeout=10, check=False)

    assert (ended.returncode, ended.stderr.startswith(f"{path}:1: unknown key `replay`")) == (2, True)


def test_taken_port_ends_it_with_the_reason(script: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*COMMAND, str(script), "--port", str(taken.getsockname()[1])]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)

    assert (ended.returncode, ended.stderr) == (2, "cannot serve: Address already in use\n")
