"""The page that people read says what the code does."""

from pathlib import Path

import pytest

from tianting.fleet.verdicts.failure_words import Kind
from tianting.fleet.verdicts.failures import MEANINGS, Meaning

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.mark.parametrize(("kind", "meaning"), MEANINGS.items())
def test_every_failure_has_its_row(kind: Kind, meaning: Meaning) -> None:
    crash = "yes" if meaning.crash else "no"
    act = f"{meaning.act} " if meaning.act else ""

    assert f"| `{kind}` | {crash} | {meaning.reads} | {act}|" in PAGE.read_text(encoding="utf-8").splitlines()
