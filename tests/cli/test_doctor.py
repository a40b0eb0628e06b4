"""The doctor's findings, each with its reason, and the exit code that scripts go by."""

import re
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import CommandLine
from tianting.cli.examination import Finding, State, memory, worst
from tianting.models.scripted import Script
from tianting.sandbox.check import CheckResult
from tianting.settings.schema import Settings
from tianting.testing.model_server import serve


@pytest.fixture(autouse=True)
def sandbox(monkeypatch: pytest.MonkeyPatch) -> list[CheckResult]:
    """What an attack on the sandbox came to; a test may change it. The real one is tested where it lives."""
    results = [CheckResult(name="write outside", held=True, sentence="It held.")]

    async def attacked(settings: Settings) -> tuple[str, list[CheckResult]]:
        return "", results

    monkeypatch.setattr("tianting.cli.examination.attacked", attacked)
    return results


def findings(text: str) -> dict[str, tuple[State, str]]:
    """State and reason by name."""
    decoded = msgspec.json.decode(text)
    return {each["name"]: (each["state"], each["reason"]) for each in decoded["findings"]}


def test_healthy_machine(tianting: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")

    told = tianting("doctor", "--json")

    found = findings(told.stdout)
    assert (told.code, told.stderr) == (0, "")
    assert list(found) == [
        "model", "settings", "home", "project", "memory", "disk", "sandbox", "git", "rg", "bash",
    ]  # fmt: skip
    assert found["home"] == ("healthy", f"{tmp_path}/home can be written.")
    assert found["sandbox"] == ("healthy", "(not enabled) All 1 promises hold.")
    assert found["model"][1].endswith("of anthropic, key from ANTHROPIC_API_KEY; --online asks whether it answers.")
    assert "secret" not in told.stdout


def test_each_line_for_a_person(tianting: CommandLine) -> None:
    told = tianting("doctor")

    assert told.code == 1
    assert re.search(r"^unhealthy  model +There is no model to ask: .*\n +→ `tianting models`", told.stdout)
    assert told.stdout.endswith("\nAll in all: unhealthy.\n")


def test_without_programs_it_still_works(
    tianting: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    broken = tmp_path / "bin" / "rg"
    broken.parent.mkdir()
    broken.write_text("no program")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(broken.parent))

    told = tianting("doctor", "--json")

    found = findings(told.stdout)
    assert (told.code, msgspec.json.decode(told.stdout)["state"]) == (0, "degraded")
    assert found["git"] == (
        "degraded",
        "not found. Without it there is no undo, and the model is not told what changed.",
    )
    assert found["rg"][1].startswith(f"{broken} does not run: ")


@pytest.mark.parametrize(
    ("settings", "state", "reason"),
    [
        pytest.param("{", "unhealthy", "--settings", id="no JSON"),
        pytest.param('{"modle": "x"}', "degraded", "modle", id="a word nobody knows"),
    ],
)
def test_settings_are_judged(tianting: CommandLine, settings: str, state: State, reason: str) -> None:
    found = findings(tianting("doctor", "--json", "--settings", settings).stdout)

    assert found["settings"][0] == state
    assert reason in found["settings"][1]


@pytest.mark.parametrize(("enabled", "state"), [("true", "unhealthy"), ("false", "degraded")])
def test_broken_sandbox_is_an_illness_where_it_is_counted_on(
    tianting: CommandLine, sandbox: list[CheckResult], enabled: str, state: State
) -> None:
    sandbox[:] = [CheckResult(name="write outside", held=False, sentence="It got out.")]

    found = findings(tianting("doctor", "--json", "--settings", f'{{"sandbox": {{"enabled": {enabled}}}}}').stdout)

    assert found["sandbox"][0] == state
    assert "It got out." in found["sandbox"][1]


def test_home_that_cannot_be_made(tianting: CommandLine, home: Path) -> None:
    home.write_text("a file")

    found = findings(tianting("doctor", "--json").stdout)

    assert found["home"] == ("unhealthy", f"{home} cannot be written: sessions cannot be kept.")


@pytest.mark.anyio
async def test_online_says_whether_anybody_answers(tianting: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from anyio import to_thread

    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    async with serve(Script(replies=())) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        here = await to_thread.run_sync(lambda: tianting("doctor", "--json", "--online"))
        keys = [header for request in server.requests for header in request.headers if "key" in header.lower()]
    gone = await to_thread.run_sync(lambda: tianting("doctor", "--json", "--online"))

    assert findings(here.stdout)["model"][0] == "healthy"
    assert findings(here.stdout)["model"][1].endswith(f"; {server.base_url} answers.")
    assert findings(gone.stdout)["model"][0] == "unhealthy"
    assert keys == []


@pytest.mark.parametrize(
    ("kilobytes", "state"),
    [
        pytest.param(8_000_000, "healthy", id="much"),
        pytest.param(500_000, "degraded", id="little"),
        pytest.param(100_000, "unhealthy", id="next to none"),
    ],
)
def test_memory_is_what_can_be_had(kilobytes: int, state: State) -> None:
    assert memory(f"MemTotal: 9 kB\nMemAvailable:   {kilobytes} kB\nSwapFree: 0 kB\n").state == state


def test_memory_that_cannot_be_told_is_no_illness() -> None:
    assert memory("").state == "healthy"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param((), "healthy", id="nothing"),
        pytest.param(("healthy", "degraded"), "degraded", id="one degraded"),
        pytest.param(("unhealthy", "degraded", "healthy"), "unhealthy", id="one unhealthy"),
    ],
)
def test_worst_counts(states: tuple[State, ...], expected: State) -> None:
    assert worst(Finding(name="x", state=state, reason="") for state in states) == expected
