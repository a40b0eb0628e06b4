"""What happens between the start of `tianting -p` and its first request: who waits for an answer waits for this too.

Measured beside a floor: the bare libraries the program stands on, posting one request. Each imported module costs
about 0.1 ms, whatever is in it; the numbers here are today's with some room, to be raised for a reason only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

MODELS = ("claude-sonnet-5-5", "gpt-6.2-sol", "vllm/qwen3-coder")
"""One for each dialect."""
THIRD_PARTY = frozenset(
    {"anyio", "click", "h11", "httpcore2", "httpx2", "idna", "msgspec", "sniffio", "truststore", "typing_extensions"}
)
"""httpx2 and what it needs, anyio, msgspec, click. Nothing else has a place here."""
STANDARD_BEYOND_FLOOR = frozenset({"difflib", "gc", "shlex"})
"""`difflib` is click's: it looks for similar options whenever it meets a short one."""
MOST_MODULES = 226
"""Of our own. Loading the tools is most of it; a tool's rarely needed half belongs behind its first use."""
MOST_SYSTEM_CALLS_BEYOND_FLOOR = 3_500
"""Some fourteen for a module, and git's start."""

PROBE = """
import json, os, sys
started = []
sys.addaudithook(lambda event, args: started.append(str(args[0])) if event == "subprocess.Popen" else None)
import httpx2

async def send(*args, **kwargs):
    names = [name for name in sys.modules if not name.startswith("_")]
    os.write(1, json.dumps({"modules": names, "processes": started}).encode())
    os._exit(0)

httpx2.AsyncClient.send = send
"""
PROGRAM = "from tianting.cli.entry import main\nmain()"
UNDER_ANOTHER_NAME = "from tianting.cli.claude_entry import main\nmain()"
FLOOR = """
import anyio, click, httpx2, msgspec

async def ask():
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        await client.post("http://127.0.0.1:9/")

anyio.run(ask)
"""


class Seen(Struct, frozen=True, kw_only=True):
    """The state of a program as its first request goes out."""

    modules: frozenset[str]
    processes: tuple[str, ...]
    """Programs that were started."""

    @property
    def packages(self) -> frozenset[str]:
        return frozenset(name.partition(".")[0] for name in self.modules)


@cache
def at_first_request(directory: Path, model: str) -> Seen:
    return _seen(directory, PROBE + PROGRAM, "-p", "Hi.", "--model", model)


@cache
def at_floor(directory: Path) -> Seen:
    return _seen(directory, PROBE + FLOOR)


def _seen(directory: Path, code: str, *arguments: str) -> Seen:
    told = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=directory,
        env=_environment(directory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=30,
    )
    return msgspec.json.decode(told.stdout, type=Seen)


def _environment(directory: Path) -> dict[str, str]:
    keys = {"ANTHROPIC_API_KEY": "key", "OPENAI_API_KEY": "key"}
    nowhere = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    return {"PATH": os.environ["PATH"], "HOME": str(directory.parent), **keys, **nowhere}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("fast") / "project"
    directory.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=directory, check=True)
    return directory


@pytest.mark.parametrize("model", MODELS)
def test_nothing_heavy_is_imported(repository: Path, model: str) -> None:
    seen = at_first_request(repository, model)

    beyond = seen.packages - at_floor(repository).packages - {"tianting"}
    assert {name for name in beyond if name in sys.stdlib_module_names} <= STANDARD_BEYOND_FLOOR
    third_party = beyond - sys.stdlib_module_names  # some machines load a sitecustomize, or measure coverage
    assert third_party <= THIRD_PARTY


@pytest.mark.parametrize("model", MODELS)
def test_only_the_dialect_that_is_spoken_is_imported(repository: Path, model: str) -> None:
    seen = at_first_request(repository, model)

    dialects = {f"tianting.models.{name}.client" for name in ("anthropic", "chat", "responses")}
    assert len(dialects & seen.modules) == 1
    assert not {"tianting.testing", "tianting.models.scripted", "tianting.protocol.stream_json"} & seen.modules
    assert {name for name in seen.modules if "hooks." in name} == {"tianting.extensions.hooks.port"}


@pytest.mark.parametrize("model", MODELS)
def test_our_own_modules_are_few(repository: Path, model: str) -> None:
    ours = {name for name in at_first_request(repository, model).modules if name.partition(".")[0] == "tianting"}

    assert len(ours) <= MOST_MODULES


def test_other_name_costs_next_to_nothing(repository: Path) -> None:
    renamed = _seen(repository, PROBE + UNDER_ANOTHER_NAME, "-p", "Hi.", "--model", MODELS[0])

    more = renamed.modules - at_first_request(repository, MODELS[0]).modules
    assert more == {"tianting.cli.claude_entry", "tianting.protocol.compatible_version"}


def test_git_is_the_only_program_that_is_started(repository: Path) -> None:
    assert at_first_request(repository, MODELS[0]).processes == ("git", "git")


def test_outside_a_repository_no_program_is_started(tmp_path: Path) -> None:
    assert at_first_request(tmp_path, MODELS[0]).processes == ()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_system_calls_are_few(repository: Path) -> None:
    program = _system_calls(repository, PROBE + PROGRAM, "-p", "Hi.")
    floor = _system_calls(repository, PROBE + FLOOR)

    assert program - floor <= MOST_SYSTEM_CALLS_BEYOND_FLOOR


def _system_calls(directory: Path, code: str, *arguments: str) -> int:
    """Those of the program itself, without what it starts."""
    report = directory.parent / "calls"
    command: Sequence[str] = ("strace", "-c", "-o", str(report), sys.executable, "-c", code, *arguments)
    ran = subprocess.run(
        command,
        check=False,
        cwd=directory,
        env=_environment(directory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
    )
    if "ptrace" in ran.stderr.decode().lower():
        pytest.skip("strace may not trace here")
    total = report.read_text().split("\n")[-2].split()
    return int(total[3])
