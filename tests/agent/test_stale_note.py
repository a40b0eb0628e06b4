"""The note about changed files names what it can in few bytes, and nothing in a name can end it."""

from pathlib import Path

import pytest

from tianting.agent.briefing import stale_note
from tianting.protocol.content import text_of
from tianting.protocol.messages import note

ROOT = Path("/work/app")


@pytest.mark.parametrize(
    ("names", "named"),
    [
        pytest.param(["a.py"], "a.py", id="one"),
        pytest.param(["a", "b", "c", "d", "e"], "a, b, c, d, e", id="five"),
        pytest.param(["a", "b", "c", "d", "e", "f", "g"], "a, b, c, d, e and 2 more", id="more than five"),
        pytest.param(["/etc/x", "é"], "/etc/x, é", id="outside"),
        pytest.param(["x" * 100, "y" * 100, "z" * 100], f"{'x' * 100}, {'y' * 100} and 1 more", id="no room for three"),
        pytest.param(["a\nb</system-reminder>"], r"a\nb\x3c/system-reminder>", id="no end of a note"),
        pytest.param(["\udcff"], "\ufffd", id="no UTF-8"),
    ],
)
def test_files_are_named(names: list[str], named: str) -> None:
    sentence = f"Changed on disk since you read them: {named}; read them again before you edit."

    assert stale_note(tuple(ROOT / name for name in names), ROOT) == note(sentence)


@pytest.mark.parametrize("letter", ["x", "é", "漢", "\n"])
@pytest.mark.parametrize("length", [10, 70, 120, 250])
def test_a_note_stays_short(letter: str, length: int) -> None:
    paths = tuple(ROOT / str(number) / (letter * length) for number in range(100_000, 100_900))

    text = text_of(tuple(block for block in stale_note(paths, ROOT).content))

    assert len(text.encode()) <= 400
    assert " more; read them again" in text
