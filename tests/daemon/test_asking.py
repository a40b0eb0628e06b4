"""An answer is read out of what happens in a window, and hope is given up in time."""

import pytest

from tianting.daemon.asking import Heard, hopeless
from tianting.daemon.outcomes import Outcome, Piece
from tianting.fleet.course import delivery_id
from tianting.fleet.drivers.driver import Fault, LineRead, Progressed, PromptTaken, ToolBegan, TurnDone
from tianting.fleet.store.records import LoggedEvent, PromptDone
from tianting.fleet.window import Status, Window

TAKEN = PromptTaken(uuid="p")
TOOL = ToolBegan(call_id="1", name="bash")
THOUGHT = LineRead(line=b'{"method":"item/reasoning/summaryTextDelta","params":{"delta":"hm"}}')


def said(text: str) -> Progressed:
    return Progressed(text=text)


@pytest.mark.parametrize(
    ("events", "pieces"),
    [
        pytest.param([TAKEN, said("a"), said("b")], [Piece(text="a"), Piece(text="b")], id="pieces of one message"),
        pytest.param(
            [TAKEN, said("a"), said(""), TOOL, said("b")], [Piece(text="a"), Piece(text="\n\nb")], id="two messages"
        ),
        pytest.param([said("of another prompt")], [], id="before it is taken"),
        pytest.param([PromptTaken(uuid="q"), said("x")], [], id="another prompt's"),
        pytest.param([TAKEN, said("a"), TurnDone(), said("late")], [Piece(text="a")], id="after its turn"),
        pytest.param([TAKEN, THOUGHT], [Piece(reasoning="hm")], id="reasoning"),
        pytest.param([THOUGHT], [], id="reasoning of another prompt"),
        pytest.param([TAKEN, LineRead(line=b"{}")], [], id="another line"),
    ],
)
def test_pieces(events: list[LoggedEvent], pieces: list[Piece]) -> None:
    heard = Heard("p")

    assert [piece for event in events if (piece := heard.take(event)) is not None] == pieces


def test_delivery_after_a_crash_begins_anew() -> None:
    heard = Heard("p")
    for event in (TAKEN, said("half"), PromptTaken(uuid=delivery_id("p", 1)), said("whole"), THOUGHT):
        heard.take(event)

    assert heard.outcome(PromptDone(uuid="p", text="whole")) == Outcome(text="whole", said="whole", reasoning="hm")


@pytest.mark.parametrize(
    ("done", "outcome"),
    [
        pytest.param(PromptDone(uuid="p", text="a"), Outcome(text="a", said="a"), id="nothing but the answer"),
        pytest.param(
            PromptDone(uuid="p", fault=Fault(message="No credit.")),
            Outcome(error="The agent could not answer: No credit."),
            id="fault",
        ),
        pytest.param(
            PromptDone(uuid="p", interrupted=True),
            Outcome(error="The turn was ended before it was answered."),
            id="interrupted",
        ),
    ],
)
def test_outcome(done: PromptDone, outcome: Outcome) -> None:
    assert Heard("p").outcome(done) == outcome


@pytest.mark.parametrize(
    ("status", "reason", "until", "told"),
    [
        pytest.param("ready", "", None, None, id="ready"),
        pytest.param("recovering", "It crashed.", None, None, id="recovering"),
        pytest.param("failed", "No Codex.", None, "No Codex.", id="failed"),
        pytest.param("stopped", "", None, "The agent is stopped.", id="stopped"),
        pytest.param("parked", "limit", 130.0, None, id="parked for a moment"),
        pytest.param("parked", "limit", 1_000.0, "The agent rests: limit. The question stays asked.", id="for long"),
        pytest.param("parked", "limit", None, "The agent rests: limit. The question stays asked.", id="without end"),
    ],
)
def test_hopeless(status: Status, reason: str, until: float | None, told: str | None) -> None:
    window = Window(window_id="w", kind="codex", status=status, reason=reason, parked_until=until)

    assert hopeless(window, 100.0) == told
