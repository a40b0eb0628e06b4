"""What commands of windows ask of a fleet, and how they show what it says: with a fleet that says what a test wrote."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.cli.conftest import CommandLine
from tianting.cli import windows_calling
from tianting.fleet.door import words
from tianting.fleet.door.client import FleetGone
from tianting.fleet.drivers.driver import Fault, LineRead, PersonAsked, ToolBegan, TurnDone
from tianting.fleet.store.records import LoggedEvent, PromptDone, StoredEvent, WindowMoved
from tianting.fleet.window import Status, Window
from tianting.protocol.errors import FleetError

WINDOW = "3f2a1b7c-0000"


class ScriptedFleet:
    """`FleetClient`. Gives its answers in order, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.answers: list[words.Answer | Exception] = []
        self.happenings: Sequence[LoggedEvent] = ()
        self.listings: Sequence[words.Listing] = ()

    async def ask(self, ask: object, wanted: type[object]) -> object:
        self.asked.append(ask)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, wanted)
        return answer

    async def stream(self, ask: object, wanted: type[object]) -> AsyncIterator[object]:
        self.asked.append(ask)
        for number, event in enumerate(self.happenings, 1):
            stored = StoredEvent(sequence=number, generation=1, at=0.0, event=event)
            yield words.Happened(window=WINDOW, label="first", stored=stored)


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedFleet]:
    scripted = ScriptedFleet()

    @asynccontextmanager
    async def connected() -> AsyncGenerator[ScriptedFleet, None]:
        yield scripted

    monkeypatch.setattr(windows_calling, "fleet", connected)
    yield scripted
    assert scripted.answers == [], "not all was asked for"


def row(status: Status = "ready", **more: Any) -> words.Row:
    told = {name: more.pop(name) for name in ("reason", "question", "process_id", "is_spare") if name in more}
    window = Window(window_id=WINDOW, kind="echo", status=status, cwd="/shop", last_heartbeat=1.0, **told)
    return words.Row(**{"window": window, "label": "first", "template": "quick", **more})


def done(told: str = "") -> words.Done:
    return words.Done(window=WINDOW, told=told)


ACCEPTED = words.Accepted(window=WINDOW, prompt="p", after=4)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        pytest.param(["interrupt", "first"], words.Interrupt(window="first"), id="interrupt"),
        pytest.param(
            ["answer", "first", "no", "not", "now"],
            words.AnswerQuestion(window="first", allow=False, text="not now"),
            id="answer",
        ),
        pytest.param(["stop", "first"], words.Stop(window="first"), id="stop"),
        pytest.param(["restart", "first"], words.Restart(window="first"), id="restart"),
        pytest.param(["destroy", "first", "--force"], words.Destroy(window="first", force=True), id="destroy"),
        pytest.param(["merge", "first"], words.Merge(window="first"), id="merge"),
    ],
)
def test_a_deed_is_asked_for_and_what_it_came_to_is_said(
    arguments: list[str], asked: object, fleet: ScriptedFleet, tianting: CommandLine
) -> None:
    fleet.answers = [done("It is so.")]

    ran = tianting("windows", *arguments)

    assert (ran.code, ran.stdout, fleet.asked) == (0, "It is so.\n", [asked])


def test_what_fails_for_one_window_is_done_for_the_others(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [done(), FleetError("There is no window 'b'."), done("Gone.")]

    ran = tianting("windows", "stop", "a", "b", "c")

    assert (ran.code, ran.stdout, ran.stderr) == (1, "Gone.\n", "tianting: There is no window 'b'.\n")


def test_where_the_fleet_is_gone_nobody_else_is_asked(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [FleetGone("The fleet ended: ask again.")]

    ran = tianting("windows", "stop", "a", "b")

    assert (ran.code != 0, len(fleet.asked)) == (True, 1)


@pytest.mark.parametrize(
    ("diff", "stdout", "stderr"),
    [
        pytest.param("+work", "+work\n", "tianting: c1\n", id="some"),
        pytest.param("", "", "tianting: c1\ntianting: nothing on mend that main has not.\n", id="none"),
    ],
)
def test_a_diff_is_shown_for_a_pipe(
    diff: str, stdout: str, stderr: str, fleet: ScriptedFleet, tianting: CommandLine
) -> None:
    fleet.answers = [words.Reviewed(branch="mend", base="main", commits=("c1",), diff=diff, uncommitted=())]

    ran = tianting("windows", "diff", "first")

    assert (ran.stdout, ran.stderr) == (stdout, stderr)


def test_a_diff_says_what_a_merge_leaves_behind(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [words.Reviewed(branch="mend", base="main", commits=(), diff="+a\n", uncommitted=("x", "y"))]

    assert "a merge does not bring them: x, y" in tianting("windows", "diff", "first").stderr


def test_a_prompt_is_accepted_and_nobody_waits(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [ACCEPTED]

    ran = tianting("windows", "send", "first", "mend", "it")

    assert fleet.asked == [words.Send(window="first", text="mend it")]
    assert (ran.code, ran.stdout) == (0, "")
    assert "logs 3f2a1b7c -f" in ran.stderr


def test_an_empty_prompt_is_not_sent(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    assert tianting("windows", "send", "first", " ").code == 2
    assert fleet.asked == []


@pytest.mark.parametrize(
    ("end", "code", "stdout", "stderr"),
    [
        pytest.param(PromptDone(uuid="p", text="Mended."), 0, "Mended.\n", "", id="answer"),
        pytest.param(PromptDone(uuid="p", interrupted=True), 130, "", "tianting: interrupted.\n", id="interrupted"),
        pytest.param(
            PromptDone(uuid="p", text="So far", fault=Fault(message="no key")),
            1,
            "So far\n",
            "tianting: no key\n",
            id="fault",
        ),
    ],
)
def test_the_exit_code_says_what_became_of_a_prompt(
    end: PromptDone, code: int, stdout: str, stderr: str, fleet: ScriptedFleet, tianting: CommandLine
) -> None:
    fleet.answers = [ACCEPTED, words.Shown(row=row("busy"))]
    fleet.happenings = [PromptDone(uuid="another's", text="no"), TurnDone(text="no"), end]

    ran = tianting("windows", "send", "first", "--wait", "mend it")

    assert (ran.code, ran.stdout, ran.stderr) == (code, stdout, stderr)


def test_what_a_prompt_waits_for_is_said(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [ACCEPTED, words.Shown(row=row("parked", reason="a limit"))]
    fleet.happenings = [
        WindowMoved(status="waiting", question="Bash"),
        WindowMoved(status="failed", reason="It is broken."),
        WindowMoved(status="ready"),
        PromptDone(uuid="p", text="Mended."),
    ]

    ran = tianting("windows", "send", "first", "--wait", "mend it")

    assert ran.stderr.splitlines() == [
        "tianting: 3f2a1b7c is parked: a limit",
        "tianting: 3f2a1b7c asks: Bash. Answer with `tianting windows answer 3f2a1b7c yes`, or no.",
        "tianting: 3f2a1b7c is failed (It is broken.): `tianting windows restart 3f2a1b7c` goes on.",
    ]


def test_nobody_waits_for_a_window_that_has_ended(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [ACCEPTED, words.Shown(row=row("stopped")), ACCEPTED, words.Shown(row=row("busy"))]

    stopped = tianting("windows", "send", "first", "--wait", "mend it")
    destroyed = tianting("windows", "send", "first", "--wait", "mend it")

    assert "is accepted, but window 3f2a1b7c is stopped" in stopped.stderr
    assert "was destroyed before it answered" in destroyed.stderr


HISTORY: Sequence[LoggedEvent] = (
    WindowMoved(status="ready"),
    LineRead(line=b'{"type":"x"}'),
    ToolBegan(call_id="c", name="Bash"),
    PersonAsked(question_id="q", kind="approval", tool="Bash"),
    TurnDone(text="Mended."),
    TurnDone(interrupted=True),
)


def test_a_log_is_the_answers_alone_for_a_pipe(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.happenings = HISTORY

    ran = tianting("windows", "logs", "first")

    assert fleet.asked == [words.Follow(window="first", after=0, live=False)]
    assert ran.stdout == "Mended.\n"
    assert [line.split("  ")[-1] for line in ran.stderr.splitlines()] == ["ready", "asks: Bash", "turn interrupted"]


def test_raw_lines_are_as_they_came(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.happenings = HISTORY

    assert tianting("windows", "logs", "first", "--raw", "-f").stdout == '{"type":"x"}\n'
    assert fleet.asked == [words.Follow(window="first", after=0, live=True, raw=True)]


def test_events_are_lines_for_people_and_objects_for_programs(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.happenings = [WindowMoved(status="ready"), ToolBegan(call_id="c", name="Bash")]

    told = tianting("windows", "events").stdout.splitlines()
    objects = [json.loads(line) for line in tianting("windows", "events", "first", "--json").stdout.splitlines()]

    assert [line.split("  ")[-1] for line in told] == ["ready", "runs Bash"]
    assert [one["stored"]["event"]["type"] for one in objects] == ["WindowMoved", "ToolBegan"]
    assert fleet.asked == [words.Follow(live=False), words.Follow(window="first", after=0, live=False)]


def test_stopped_windows_are_listed_when_asked_for(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    listing = words.Listing(rows=(row(), row("stopped")), room=64)
    fleet.answers = [listing, listing, listing]

    some, every = tianting("windows", "list"), tianting("windows", "list", "--all")
    objects = tianting("windows", "list", "--json")

    assert (len(some.stdout.splitlines()), len(every.stdout.splitlines())) == (2, 3)
    assert some.stderr == "1 stopped: `tianting windows list --all` shows them.\n"
    assert [json.loads(line)["status"] for line in objects.stdout.splitlines()] == ["ready"]


def test_an_empty_list_says_how_to_make_a_window(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [words.Listing(rows=(), room=64)]

    ran = tianting("windows", "list")

    assert (ran.stdout, ran.stderr) == ("", "No windows. Make one: tianting windows create\n")


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        pytest.param(row(is_warm=True), "made          warm, from the spares", id="warm"),
        pytest.param(row(is_spare=True), "made          a spare, nobody's yet", id="spare"),
        pytest.param(row("waiting", question="Bash"), "asks          Bash", id="question"),
        pytest.param(row(memory=2_048, processes=3), "uses          2.0K, 0% of a core, 3 processes", id="use"),
        pytest.param(row(process_id=7), "process       7, the 1. of this window", id="process"),
    ],
)
def test_all_about_a_window_is_shown(shown: words.Row, told: str, fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [words.Shown(row=shown), words.Shown(row=shown)]

    lines = tianting("windows", "show", "first").stdout.splitlines()

    assert told in lines
    assert json.loads(tianting("windows", "show", "first", "--json").stdout)["warm"] is shown.is_warm


@pytest.mark.parametrize(
    ("windows", "settings", "code", "told"),
    [
        pytest.param({"a": "well", "b": "well"}, "", 0, "a         well", id="well"),
        pytest.param({"a": "well", "b": "suspect"}, "", 1, "b         suspect: why", id="suspect"),
        pytest.param({"a": "stuck", "b": "suspect"}, "", 2, "a         stuck: why", id="stuck"),
        pytest.param({"a": "dead"}, "", 2, "a         dead: why", id="dead"),
        pytest.param({"a": "well"}, "line 3", 1, "a         well", id="settings"),
        pytest.param({}, "", 0, "", id="none"),
    ],
)
def test_the_exit_code_says_how_windows_are(
    windows: dict[str, words.State], settings: str, code: int, told: str, fleet: ScriptedFleet, tianting: CommandLine
) -> None:
    checked = tuple(
        words.Health(window=name, label=name, state=state, reason="" if state == "well" else "why")
        for name, state in windows.items()
    )
    fleet.answers = [words.Checked(windows=checked, settings=settings)]

    ran = tianting("windows", "health")

    assert (ran.code, told in ran.stdout, settings in ran.stderr) == (code, True, True)
    assert ("No windows are alive" in ran.stderr) is not bool(windows)


def test_figures_are_passed_on_as_they_are(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [words.Figures(text="tianting_turns_total 1.0\n")]

    assert tianting("windows", "metrics").stdout == "tianting_turns_total 1.0\n"


def test_without_a_terminal_top_is_one_picture(fleet: ScriptedFleet, tianting: CommandLine) -> None:
    fleet.answers = [words.Listing(rows=(row("parked", reason="a limit"),), room=64)]

    heading, _, line = tianting("windows", "top").stdout.splitlines()

    assert heading.startswith("1 of 64 windows alive   1 parked")
    assert line.endswith("(a limit)")
