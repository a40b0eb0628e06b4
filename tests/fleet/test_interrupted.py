"""What becomes of a prompt whose process ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.fleet.verdicts.interrupted import NOTE, Continue, Fate, Leave, OpenPrompt, PromptPolicy, Repeat, fate

GO_ON = PromptPolicy()
CAREFUL = PromptPolicy(go_on=False)


@pytest.mark.parametrize(
    ("prompt", "policy", "expected"),
    [
        pytest.param(OpenPrompt(taken=False), GO_ON, Repeat(), id="it never arrived"),
        pytest.param(OpenPrompt(taken=False), CAREFUL, Repeat(), id="what was accepted is not lost"),
        pytest.param(OpenPrompt(taken=True), GO_ON, Repeat(), id="nothing has happened yet"),
        pytest.param(OpenPrompt(taken=True, tools_ran=True), GO_ON, Continue(note=NOTE), id="something has happened"),
        pytest.param(
            OpenPrompt(taken=True),
            CAREFUL,
            Leave(reason="It was interrupted, and is set not to go on by itself."),
            id="the owner wants to look first",
        ),
        pytest.param(
            OpenPrompt(taken=True, tools_ran=True, tries=3),
            GO_ON,
            Leave(reason="3 processes ended while they worked on this prompt."),
            id="it kills whoever takes it",
        ),
    ],
)
def test_fate(prompt: OpenPrompt, policy: PromptPolicy, expected: Fate) -> None:
    assert fate(prompt, policy) == expected


def test_a_new_conversation_cannot_go_on_with_what_it_never_saw() -> None:
    begun = OpenPrompt(taken=True, tools_ran=True)

    assert fate(begun, GO_ON, fresh=True) == Leave(
        reason="It had begun to act, and the conversation that knows how far it came is lost."
    )
    assert fate(OpenPrompt(taken=True), GO_ON, fresh=True) == Repeat()


@given(tries=st.integers(0, 5), go_on=st.booleans(), fresh=st.booleans())
def test_what_has_acted_is_never_blindly_repeated(tries: int, go_on: bool, fresh: bool) -> None:
    prompt = OpenPrompt(taken=True, tools_ran=True, tries=tries)

    assert fate(prompt, PromptPolicy(go_on=go_on), fresh=fresh) != Repeat()
