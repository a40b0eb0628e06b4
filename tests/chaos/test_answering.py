"""The model of a chaos run: each conversation hears its own number, whatever happened in between."""

from collections.abc import Sequence

import pytest

from chaos.answering import NOTES, Answering
from tianting.fleet.verdicts.interrupted import NOTE
from tianting.models.scripted import Reply
from tianting.models.scripted_faults import Fault
from tianting.testing.playback import Conversation


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(model: Answering, said: str, *, opening: str = "Say [n07-1]") -> Reply:
    return model.reply(Conversation(answers=0, opening=opening, said=said))


def commands(reply: Reply) -> Sequence[str]:
    return [call.input["command"] for call in reply.calls]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        pytest.param("Say [n07-12]", "[n07-12]", id="a prompt"),
        pytest.param("Say [n07-11]\nSay [n07-12]", "[n07-12]", id="two prompts: the later"),
        pytest.param("wrote [n07-12]", "[n07-12]", id="the result of its command"),
        pytest.param("something else", "[n07-1]", id="no number: that of the conversation"),
    ],
)
def test_answer_bears_the_number_of_its_prompt(said: str, text: str) -> None:
    assert asked(Answering(Clock()), said).text.startswith(text)


def test_writing_is_a_command_and_then_the_number() -> None:
    model = Answering(Clock())

    assert commands(asked(model, "Write [n07-5]")) == [f"echo '[n07-5]' >> {NOTES}; echo 'wrote [n07-5]'"]
    assert asked(model, "wrote [n07-5]").text.startswith("[n07-5]")


def test_after_a_crash_it_looks_before_it_writes_again() -> None:
    model = Answering(Clock())
    asked(model, "Write [n07-5]")

    [command] = commands(asked(model, NOTE))

    assert command.startswith(f"grep -qF '[n07-5]' {NOTES} || ")
    assert asked(model, f"wrote [n07-5]\n{NOTE}").text.startswith("[n07-5]")


def test_who_is_nobody_of_ours_is_answered_all_the_same() -> None:
    assert asked(Answering(Clock()), "Find a title", opening="Find a title").text == " word "


def test_storm_refuses_everything_until_it_is_over() -> None:
    clock = Clock()
    model = Answering(clock)
    model.storm(429, until=10.0)

    refused = asked(model, "Say [n07-12]")
    clock.now = 10.0

    assert refused.fault == Fault(kind="status", status=429, retry_after=1.0)
    assert asked(model, "Say [n07-12]").fault is None


def test_one_answer_breaks_and_says_whose() -> None:
    model, struck = Answering(Clock()), list[str]()
    model.arm("n07", "disconnect", struck.append)

    other = asked(model, "Say [n08-1]")
    broken, next_one = asked(model, "Say [n07-12]"), asked(model, "Say [n07-12]")

    assert [reply.fault for reply in (other, broken, next_one)] == [None, Fault(kind="disconnect"), None]
    assert struck == ["n07"]
