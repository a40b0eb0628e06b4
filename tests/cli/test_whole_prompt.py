"""The prompt from the argument, from standard input, or from both."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from tianting.cli import prompt
from tianting.cli.invocation import Invocation
from tianting.cli.prompt import whole_prompt
from tianting.protocol.errors import ConfigError


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """What is written here is standard input."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as standard_input, os.fdopen(writer, "w", errors="surrogateescape") as end:
        monkeypatch.setattr("sys.stdin", standard_input)
        yield end


@pytest.mark.parametrize(
    ("argument", "piped", "expected"),
    [
        pytest.param("Say hi.", "", "Say hi.", id="argument"),
        pytest.param(None, "Say hi.\n", "Say hi.", id="input"),
        pytest.param("What is this?", "A poem.\nOf two lines.\n", "What is this?\n\nA poem.\nOf two lines.", id="both"),
        pytest.param("Say hi.", " \n", "Say hi.", id="blank input"),
        pytest.param(None, "odd\udcff", "odd\ufffd", id="bytes that are no UTF-8"),
    ],
)
def test_prompt(pipe: TextIO, argument: str | None, piped: str, expected: str) -> None:
    pipe.write(piped)
    pipe.close()

    assert whole_prompt(Invocation(prompt=argument)) == expected


@pytest.mark.parametrize("argument", [None, "", "  "])
def test_nothing_is_no_prompt(pipe: TextIO, argument: str | None) -> None:
    pipe.close()

    with pytest.raises(ConfigError, match="There is no prompt: write tianting -p"):
        whole_prompt(Invocation(prompt=argument))


def test_silent_input_is_mentioned_and_waited_for(pipe: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def speak_when_told(words: str, *, err: bool) -> None:
        told.append(words)
        pipe.write("At last.")
        pipe.close()

    monkeypatch.setattr(prompt, "PATIENCE", 0.01)
    monkeypatch.setattr("click.echo", speak_when_told)

    assert whole_prompt(Invocation()) == "At last."
    assert told == ["tianting: waiting for standard input; give < /dev/null if there is none."]


def test_endless_input_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt, "LONGEST_INPUT", 10)
    (tmp_path / "in").write_text("a" * 11)
    with (tmp_path / "in").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(ConfigError, match="longer than 10 MiB: save it to a file"):
            whole_prompt(Invocation())


def test_input_that_nobody_gave_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/null").open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert whole_prompt(Invocation(prompt="Hi.")) == "Hi."
    monkeypatch.setattr("sys.stdin", None)
    assert whole_prompt(Invocation(prompt="Hi.")) == "Hi."
