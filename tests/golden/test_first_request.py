"""The first request of each family of models, word for word: what every session is judged, cached and paid by.

When a change is meant: `UPDATE_GOLDEN=1 pytest tests/golden`, then read the difference and commit it.
"""

import difflib
import os
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from tests.golden.whole_program import first_request, make_project
from tianting.protocol.model_catalogue import Family

pytestmark = pytest.mark.anyio

FAMILIES: tuple[Family, ...] = get_args(Family)
EACH_DIALECT = pytest.mark.parametrize("family", ["claude", "gpt", "open"])
RECORDED = Path(__file__).parent / "requests"
MOST_BYTES = 20_000


@pytest.mark.parametrize("family", FAMILIES)
async def test_first_request_is_the_recorded_one(family: Family, tmp_path: Path) -> None:
    project = make_project(tmp_path)

    body = await first_request(project, family)

    assert len(body) <= MOST_BYTES
    compare(RECORDED / f"{family}.json", readable(at_a_fixed_place(body, project)))


@EACH_DIALECT
async def test_plan_mode_is_a_note_and_changes_neither_tools_nor_prompt(family: Family, tmp_path: Path) -> None:
    project = make_project(tmp_path)

    plan = await first_request(project, family, "--permission-mode", "plan")
    usual = await first_request(project, family)

    assert prefix(plan) == prefix(usual)
    assert (plan.count(b"Plan mode is on"), usual.count(b"Plan mode is on")) == (1, 0)


@EACH_DIALECT
async def test_tools_and_prompt_are_the_same_everywhere_and_always(family: Family, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    here, there = make_project(tmp_path / "one"), make_project(tmp_path / "two")

    # The two time zones never have the same day.
    one = await first_request(here, family, TZ="West12", PYTHONHASHSEED="1")
    two = await first_request(there, family, TZ="East-14", PYTHONHASHSEED="2")

    assert prefix(one) == prefix(two)
    assert day(one) != day(two)


def at_a_fixed_place(body: bytes, project: Path) -> bytes:
    """`body`, had it been sent from `/shop` on a certain machine and day."""
    placed = body.replace(str(project).encode(), b"/shop")
    machine = rb"System: \w+ [\d.]+, shell bash, day \d{4}-\d\d-\d\d\b"
    placed, found = re.subn(machine, b"System: Linux 6.1, shell bash, day 2026-11-20", placed)
    assert found == 1
    return placed


def readable(body: bytes) -> str:
    """JSON on many lines. A text of many lines is a list of them, each with its end."""
    return msgspec.json.format(msgspec.json.encode(_in_lines(msgspec.json.decode(body)))).decode() + "\n"


def compare(path: Path, text: str) -> None:
    """Fail with the difference between the record at `path` and `text`, or renew the record."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
        return
    recorded = path.read_text()
    if text != recorded:
        difference = difflib.unified_diff(
            recorded.splitlines(),
            text.splitlines(),
            f"recorded, {len(recorded)} bytes",
            f"now, {len(text)} bytes",
            lineterm="",
        )
        pytest.fail("\n".join((*difference, "If this is meant: UPDATE_GOLDEN=1 pytest tests/golden")), pytrace=False)


def prefix(body: bytes) -> bytes:
    """All that stands before the messages in the provider's order: tools, then system, then whatever sets the model."""
    request: dict[str, Any] = msgspec.json.decode(body)
    said = request.pop("messages", None) or request.pop("input")
    return msgspec.json.encode([request, *(message for message in said if message["role"] == "system")])


def day(body: bytes) -> str:
    found = re.search(r"day (\d{4}-\d\d-\d\d)", body.decode())
    assert found is not None
    return found.group(1)


def _in_lines(value: Any) -> Any:
    match value:
        case str() if "\n" in value:
            return value.splitlines(keepends=True)
        case dict():
            return {name: _in_lines(inner) for name, inner in value.items()}
        case list():
            return [_in_lines(inner) for inner in value]
        case _:
            return value
