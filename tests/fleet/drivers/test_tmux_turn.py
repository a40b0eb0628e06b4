"""What looks at a screen tell, one after the other, with the clock held by hand."""

from msgspec import structs

from tests.fleet.drivers.screen_pictures import picture
from tianting.fleet.drivers.driver import (
    AgentEvent,
    LineRead,
    ModelWaited,
    PersonAsked,
    Progressed,
    Prompt,
    PromptTaken,
    QuestionClosed,
    Standing,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.tmux_kinds import CLAUDE_SCREEN
from tianting.fleet.drivers.tmux_turn import ScreenTurns
from tianting.fleet.drivers.tmux_view import View, view

REST = View(said=("old",), box="❯", empty=True)
PROMPT = Prompt(text="go", uuid="p1")


def turns(standing: Standing | None = None) -> ScreenTurns:
    started = ScreenTurns(CLAUDE_SCREEN, standing or Standing(), "w1/1")
    started.begin(REST, 80, whole=True)
    assert started.see(REST, 80, 0.0) == []
    return started


def said(*lines: str, working: bool = False) -> View:
    return structs.replace(REST, said=("old", *lines), working=working)


def told(line: str) -> list[AgentEvent]:
    return [LineRead(line=line.encode()), Progressed(text=f"{line.removeprefix('● ')}\n")]


def test_turn_is_told_from_its_prompt_to_its_quiet_end() -> None:
    window = turns()

    assert window.submitted(PROMPT, 1.0) == [TurnBegan(), PromptTaken(uuid="p1"), ModelWaited()]
    assert window.see(said("❯ go", "● on", working=True), 80, 1.1) == [LineRead(line="❯ go".encode())]
    assert window.see(said("❯ go", "● one", "two", working=True), 80, 1.2) == told("● one")
    assert window.see(said("❯ go", "● one", "two"), 80, 1.3) == []
    assert window.see(said("❯ go", "● one", "two"), 80, 1.9) == [*told("two"), TurnDone(text="one\ntwo")]
    assert window.is_idle


def test_program_that_shows_nothing_yet_gets_time_to_begin() -> None:
    window = turns()
    window.submitted(PROMPT, 1.0)

    assert window.see(REST, 80, 3.9) == []
    assert window.see(REST, 80, 4.0) == [TurnDone()]


def test_person_at_the_screen_may_begin_a_turn() -> None:
    window = turns()

    assert window.see(said("❯ typed", "x", working=True), 80, 1.0)[0] == TurnBegan()
    assert not window.is_idle


def test_prompt_that_was_not_taken_is_a_turn_that_failed() -> None:
    began, done = turns().not_submitted(1.0)

    assert began == TurnBegan()
    assert isinstance(done, TurnDone)
    assert done.fault is not None
    assert done.fault.code == "not_taken"


def test_interrupted_turn_says_so() -> None:
    window = turns()
    window.submitted(PROMPT, 1.0)
    window.interrupted()

    assert window.see(REST, 80, 1.5) == [TurnDone(interrupted=True)]
    window.interrupted()
    window.submitted(PROMPT, 2.0)
    assert window.see(REST, 80, 5.0) == [TurnDone()]


def test_question_is_asked_once_and_closed_when_it_is_gone() -> None:
    window = turns()
    asking = view(picture("claude-80-approval"), CLAUDE_SCREEN)

    [asked] = [event for event in window.see(asking, 80, 1.0) if isinstance(event, PersonAsked)]
    assert (asked.question_id, asked.tool) == ("w1/1-1", "Bash")
    assert window.see(asking, 80, 2.0) == []
    assert QuestionClosed(question_id="w1/1-1") in window.see(REST, 80, 3.0)


def test_question_of_an_earlier_fleet_is_known_again_or_moot() -> None:
    asking = view(picture("claude-80-approval"), CLAUDE_SCREEN)
    standing = Standing(in_turn=True, open_questions=("q7",))
    window = ScreenTurns(CLAUDE_SCREEN, standing, "w1/2")
    window.begin(asking, 80, whole=False)
    again = window.see(asking, 80, 0.0)
    gone = ScreenTurns(CLAUDE_SCREEN, standing, "w1/2")

    assert (window.question_id, [event for event in again if isinstance(event, PersonAsked)]) == ("q7", [])
    assert QuestionClosed(question_id="q7") in gone.see(REST, 80, 0.0)


def test_last_words_are_told_when_the_program_ends() -> None:
    window = turns()
    window.submitted(PROMPT, 1.0)

    assert window.see(View(said=("old", "● Killed")), 80, 1.1, ended=True) == told("● Killed")
