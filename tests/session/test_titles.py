"""Names for lists."""

import pytest

from tianting.session.titles import is_spoken, prompt_line, title_from


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("  Mend\n\tit. ", "Mend it.", id="one line"),
        pytest.param("a" * 80, "a" * 80, id="just fits"),
        pytest.param("word " * 30, ("word " * 15).rstrip() + "…", id="cut between words"),
        pytest.param("a" * 300, "a" * 79 + "…", id="cut in a word that is too long"),
    ],
)
def test_title(prompt: str, title: str) -> None:
    assert title_from(prompt) == title


def test_prompt_line_is_longer_than_a_title() -> None:
    assert prompt_line("a" * 300) == "a" * 199 + "…"


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        pytest.param("Mend it.", True, id="words"),
        pytest.param("<div> is broken", True, id="markup is a subject like any other"),
        pytest.param(" \n", False, id="nothing"),
        pytest.param("<command-name>/clear</command-name>", False, id="command"),
        pytest.param("\n<system-reminder>x", False, id="note"),
        pytest.param("<task-notification>x", False, id="end of a background job"),
        pytest.param("[Request interrupted by user for tool use]", False, id="interruption"),
    ],
)
def test_who_may_have_typed_it(text: str, spoken: bool) -> None:
    assert is_spoken(text) is spoken
