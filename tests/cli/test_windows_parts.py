"""What the commands of windows show, and what settings mean to a fleet, with no fleet at all."""

import json

import msgspec
import pytest

from tests.cli.conftest import CommandLine
from tianting.cli.windows_attaching import ConversationView
from tianting.cli.windows_policy import KINDS, fleet_policy
from tianting.cli.windows_tables import duration, event_line, facts, size, table, why
from tianting.cli.windows_top import headline, picture
from tianting.fleet.door.words import AnswerQuestion, Happened, Listing, Row
from tianting.fleet.drivers.driver import (
    ContextFilled,
    Fault,
    Garbled,
    Limited,
    PersonAsked,
    Progressed,
    QuestionClosed,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.service.names import window_meant
from tianting.fleet.store.records import LoggedEvent, PromptDone, StoredEvent, WindowMoved
from tianting.fleet.verdicts.health import Patience
from tianting.fleet.window import Status, Window
from tianting.protocol.errors import ConfigError, FleetError
from tianting.settings.schema import FleetSettings


def row(status: Status = "ready", label: str = "one", *, reason: str = "", question: str | None = None) -> Row:
    window = Window(
        window_id="3f2a1b7c-0000",
        kind="echo",
        status=status,
        cwd="/home/ada/shop",
        since=90.0,
        reason=reason,
        question=question,
    )
    return Row(window=window, label=label, template="echo", memory=7_900_000, cpu=0.5)


def happened(event: LoggedEvent) -> Happened:
    return Happened(window="3f2a1b7c-0000", label="", stored=StoredEvent(sequence=1, generation=2, at=0.0, event=event))


def fleet(**said: object) -> FleetSettings:
    return msgspec.convert(said, FleetSettings)


def test_columns_are_as_wide_as_they_must_be() -> None:
    assert table([row()], now=100.0, home="/home/ada") == [
        ["ID      ", "NAME", "TEMPLATE", "STATUS", "FOR", "OWED", "MEMORY", "CPU", "DIRECTORY"],
        ["3f2a1b7c", "one ", "echo    ", "ready ", "10s", "   -", "  7.5M", "50%", "~/shop   "],
    ]
    assert "NAME" not in table([row(label="")], now=100.0)[0]


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        pytest.param(row("waiting", question="Bash"), "asks: Bash", id="waiting"),
        pytest.param(row("failed", reason="It is\nmissing."), "It is\\nmissing.", id="failed"),
        pytest.param(row("ready", reason="woken"), "", id="at work"),
        pytest.param(row("parked", reason="x" * 200), "x" * 99 + "…", id="long"),
    ],
)
def test_a_window_in_trouble_says_why(shown: Row, told: str) -> None:
    assert why(shown) == told


@pytest.mark.parametrize(("seconds", "told"), [(-1, "0s"), (59, "59s"), (60, "1m"), (7_200, "2h"), (90_000, "1d")])
def test_durations_have_one_unit(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(("count", "told"), [(None, "-"), (0, "0B"), (2_048, "2.0K"), (2**30, "1.0G")])
def test_sizes_are_short(count: int | None, told: str) -> None:
    assert size(count) == told


def test_programs_are_told_all_that_is_required_of_a_window() -> None:
    required = {"window_id", "process_id", "status", "created_at", "last_heartbeat", "resource_usage"}
    assert required <= facts(row()).keys()


@pytest.mark.parametrize(
    ("event", "told"),
    [
        pytest.param(WindowMoved(status="parked", reason="a limit"), "parked: a limit", id="move"),
        pytest.param(PersonAsked(question_id="q", kind="approval", tool="Bash"), "asks: Bash", id="question"),
        pytest.param(TurnDone(interrupted=True), "turn interrupted", id="interrupted"),
        pytest.param(TurnBegan(), "begins a turn", id="turn"),
        pytest.param(Limited(cause="usage_limit"), "is limited: usage limit", id="limit"),
        pytest.param(ContextFilled(tokens=9_000, window=10_000), "context: 9,000 of 10,000 tokens", id="context"),
        pytest.param(Garbled(sample="?"), "is not understood: ?", id="garbled"),
        pytest.param(TurnDone(fault=Fault(message="no key")), "turn failed: no key", id="fault"),
        pytest.param(PromptDone(uuid="p", text="Mended."), "answers: Mended.", id="answer"),
        pytest.param(PromptDone(uuid="p", fault=Fault(message="no key")), "no answer: no key", id="no answer"),
    ],
)
def test_an_event_is_one_line(event: LoggedEvent, told: str) -> None:
    assert event_line(happened(event)).endswith(f"  3f2a1b7c    2  {told}")


def test_what_only_machines_want_is_no_line() -> None:
    assert event_line(happened(Progressed(text="word"))) == ""


def test_the_picture_fits_the_screen() -> None:
    listing = Listing(rows=tuple(row() for _ in range(50)), room=64)

    lines = picture(listing, columns=40, lines=10).split("\r\n")

    assert len(lines) == 10
    assert lines[-1].startswith("… 43 more")
    assert headline(listing).startswith("50 of 64 windows alive   50 ready")


def test_windows_are_meant_by_name_by_id_and_by_its_beginning() -> None:
    labels = {"3f2a": "one", "3f7b": "two", "9c": "3f2"}
    assert [window_meant(told, labels) for told in ("two", "3f2a", "3f7", "9", "3f2")] == [
        "3f7b",
        "3f2a",
        "3f7b",
        "9c",
        "9c",
    ]
    with pytest.raises(FleetError, match="may be any of 3f2a, 3f7b"):
        window_meant("3f", labels)
    with pytest.raises(FleetError, match="There is no window ''"):
        window_meant("", labels)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        pytest.param("yes", AnswerQuestion(window="3f2a1b7c-0000", allow=True, question="q"), id="yes"),
        pytest.param("N", AnswerQuestion(window="3f2a1b7c-0000", allow=False, question="q"), id="no"),
        pytest.param("rm?", AnswerQuestion(window="3f2a1b7c-0000", allow=False, text="rm?", question="q"), id="reason"),
    ],
)
def test_nothing_but_a_yes_allows(line: str, answer: AnswerQuestion) -> None:
    view = ConversationView(row("busy"))
    view.show(happened(PersonAsked(question_id="q", kind="approval", tool="Bash")))

    assert view.answer(line) == answer
    view.show(happened(QuestionClosed(question_id="q")))
    assert not view.is_asked


def test_every_kind_is_a_template() -> None:
    assert tuple(one.name for one in fleet_policy(fleet()).templates) == KINDS


def test_settings_become_a_policy() -> None:
    patience = {"streaming": 0, "probe": 3}
    told = {"r": {"kind": "echo", "patience": patience, "passEnvironment": ["A"], "standby": True}}

    template = fleet_policy(fleet(templates=told)).template("r")

    assert template.standby
    assert template.care.patience == Patience(streaming=None, probe=3.0)
    assert template.surroundings.passed == ("A",)


@pytest.mark.parametrize(
    ("template", "why_not"),
    [
        pytest.param({"x": {"kind": "echo", "cwd": "here"}}, r"fleet\.templates\.x\.cwd", id="relative"),
        pytest.param({"x": {"kind": "acp"}}, r"fleet\.templates\.x\.program", id="no program"),
        pytest.param({"x.y": {"kind": "echo"}}, "has no dot", id="dot"),
        pytest.param({"x": {"kind": "codex", "standby": True}}, r"fleet\.templates\.x\.standby", id="standby"),
        pytest.param({"x": {"kind": "echo", "pool": {}}}, "needs a `cwd`", id="pool"),
        pytest.param({"x": {"kind": "echo", "limits": {"memory": 5}}}, r"limits\.memory is 5", id="limits"),
    ],
)
def test_what_the_schema_cannot_say_is_refused_with_its_place(template: dict[str, object], why_not: str) -> None:
    with pytest.raises(ConfigError, match=why_not):
        fleet_policy(fleet(templates=template))


@pytest.mark.usefixtures("home")
def test_a_value_is_read_as_the_fleet_takes_it(tianting: CommandLine) -> None:
    for key, value in (("templates.r.kind", "echo"), ("templates.r.model", "5"), ("templates.r.worktree", "true")):
        assert tianting("windows", "config", "set", key, value).code == 0

    assert json.loads(tianting("windows", "config", "show").stdout)["templates"] == {
        "r": {"kind": "echo", "model": "5", "worktree": True}
    }
    assert tianting("windows", "config", "get", "templates.r.model").stdout == "5\n"
    assert tianting("windows", "config", "set", "templates.r.cwd", "rel").code != 0
    assert tianting("windows", "config", "get", "templates.r.cwd").code != 0
