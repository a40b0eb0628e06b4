"""Which reply a request gets is told by the request, unless arrival decides."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.models.scripted import Reply, Script, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.errors import RequestRejected
from tianting.testing.playback import Conversation, Playback, playback


def at(answers: int, *, opening: str = "Hi.", said: str = "") -> Conversation:
    return Conversation(answers=answers, opening=opening, said=said)


def texts(play: Playback, *conversations: Conversation) -> list[str]:
    return [play.reply(conversation).text for conversation in conversations]


def failing(text: str = "", times: int = 1) -> Reply:
    return says(text, fault=Fault(kind="truncate"), times=times)


def test_conversations_side_by_side_each_hear_the_script_anew() -> None:
    play = playback(Script(replies=(says("one"), says("two"))), "history")

    assert texts(play, at(0), at(0, opening="Yo."), at(1), at(0), at(1)) == ["one", "one", "two", "one", "two"]


def test_failures_come_once_a_conversation_and_before_their_answer() -> None:
    script = Script(replies=(failing("f1"), failing("f2"), says("one"), failing("f3"), says("two")))
    play = playback(script, "history")

    assert texts(play, at(0), at(0), at(0), at(0), at(1), at(1)) == ["f1", "f2", "one", "one", "f3", "two"]
    assert texts(play, at(0, opening="Yo."), at(0, opening="Yo.")) == ["f1", "f2"]


def test_dripping_counts_as_an_answer() -> None:
    script = Script(replies=(says("one", fault=Fault(kind="drip")), says("two")))

    assert texts(playback(script, "history"), at(0), at(1)) == ["one", "two"]


def test_arrival_knows_no_conversations() -> None:
    play = playback(Script(replies=(says("one", times=2), says("two")), repeat_last=True), "arrival")

    assert texts(play, at(0), at(7), at(0), at(3)) == ["one", "one", "two", "two"]


@pytest.mark.parametrize("order", ["history", "arrival"])
def test_last_reply_may_go_on_for_ever(order: str) -> None:
    script = Script(replies=(says("one"), failing("f")), repeat_last=True)
    play = playback(script, "history" if order == "history" else "arrival")

    assert texts(play, at(0), at(1), at(1), at(1)) == ["one", "f", "f", "f"]


def test_script_that_ended_rejects() -> None:
    play = playback(Script(replies=(says("one"),)), "history")

    with pytest.raises(RequestRejected, match=r"no reply 2; the request ends with: more\?"):
        play.reply(at(1, said="more?"))


def test_unmet_expectation_takes_up_no_failure() -> None:
    play = playback(Script(replies=(Reply(text="f", when="go", fault=Fault(kind="truncate")), says("one"))), "history")

    with pytest.raises(RequestRejected):
        play.reply(at(0, said="stop"))
    assert [play.reply(at(0, said="go")).text, play.reply(at(0, said="go")).text] == ["f", "one"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), max_size=12), st.integers(1, 3))
def test_every_conversation_hears_all_answers_in_order(fails: list[bool], conversations: int) -> None:
    replies = tuple(failing(str(n)) if fail else says(str(n)) for n, fail in enumerate(fails))
    play = playback(Script(replies=replies), "history")

    for number in range(conversations):
        heard = 0
        for expected in replies:
            reply = play.reply(at(heard, opening=str(number)))
            assert reply == expected
            heard += reply.answers
