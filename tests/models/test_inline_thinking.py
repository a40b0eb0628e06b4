"""Reasoning within the text: every beginning of an answer, cut anywhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.models.chat.inline_thinking import Said, ThinkSplitter

ANSWERS = [
    pytest.param("Hello.", "", "Hello.", id="no tags"),
    pytest.param("<think>Hm.</think>Hello.", "Hm.", "Hello.", id="tags"),
    pytest.param("\n<think>\nHm.\n</think>\n\nHello.\n", "\nHm.\n", "Hello.\n", id="blank lines"),
    pytest.param("Hm.\n</think>\n\nHello.", "Hm.", "Hello.", id="opened by the prompt"),
    pytest.param("</think>Hello.", "", "Hello.", id="nothing thought"),
    pytest.param("Write </think> to end it.", "", "Write </think> to end it.", id="tag within a line"),
    pytest.param("Use <think> here.", "", "Use <think> here.", id="tag within the text"),
    pytest.param("<think>a</think>Use <think>b</think>.", "a", "Use <think>b</think>.", id="tags in the answer"),
    pytest.param("<think>Hm.", "Hm.", "", id="cut off while thinking"),
    pytest.param("<think>Hm.</thi", "Hm.</thi", "", id="cut off within the tag"),
    pytest.param("<think>Hm.</think>\n", "Hm.", "", id="thought alone"),
    pytest.param("<thi", "", "<thi", id="beginning of a tag alone"),
    pytest.param("<this", "", "<this", id="almost a tag"),
    pytest.param("a\n</thin", "", "a\n</thin", id="beginning of a closing tag alone"),
    pytest.param("", "", "", id="nothing"),
]


def outcome(pieces: list[Said]) -> tuple[str, str]:
    """Reasoning and answer, as one who hears the pieces has them in the end."""
    thinking = text = ""
    for kind, piece in pieces:
        match kind:
            case "thinking":
                thinking += piece
            case "text":
                text += piece
            case "was_thinking":
                thinking, text = thinking + text, ""
    return thinking, text


@pytest.mark.parametrize(("answer", "thinking", "text"), ANSWERS)
@given(st.data())
@settings(max_examples=20, deadline=None)
def test_split(answer: str, thinking: str, text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=8)))
    splitter = ThinkSplitter()

    pieces: list[Said] = []
    for begin, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        pieces += splitter.feed(answer[begin:end])
    pieces += splitter.flush()

    assert outcome(pieces) == (thinking, text)


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "\n", "word", " ", "</"]), max_size=10))
def test_bytes_do_not_matter_only_their_order(tokens: list[str]) -> None:
    whole, single = ThinkSplitter(), ThinkSplitter()
    text = "".join(tokens)

    at_once = [*whole.feed(text), *whole.flush()]
    one_by_one = [said for letter in text for said in single.feed(letter)] + single.flush()

    assert outcome(at_once) == outcome(one_by_one)


def test_words_are_not_held_back() -> None:
    splitter = ThinkSplitter()

    assert splitter.feed("Hello <") == [("text", "Hello <")]
    assert splitter.feed("b>") == [("text", "b>")]
