"""Several hooks answer with one voice, and the strictest is heard."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.extensions.hooks.answer import Opinion, RequestDecision
from tianting.extensions.hooks.outcome import NOTHING, HookOutcome, joined

ORDER: list[Opinion | None] = ["deny", "defer", "ask", "allow", None]
opinions = st.sampled_from(ORDER)
requests = st.none() | st.builds(RequestDecision, behavior=st.sampled_from(["allow", "deny"]), message=st.text("ab"))
reasons = st.none() | st.text("ab", min_size=1, max_size=3)
outcomes = st.builds(
    HookOutcome,
    permission=opinions,
    permission_reason=st.text("ab", max_size=2),
    blocked=reasons,
    stop=reasons,
    request=requests,
    contexts=st.tuples(st.text("ab", min_size=1)),
    updated_input=st.none() | st.dictionaries(st.text("ab"), st.integers()),
    session_title=st.text("ab", max_size=2),
    retry=st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(outcomes, max_size=5))
def test_the_strictest_opinion_wins_whatever_the_order(several: list[HookOutcome]) -> None:
    strictest = min((ORDER.index(one.permission) for one in several), default=len(ORDER) - 1)

    assert joined(several).permission == ORDER[strictest]
    assert joined(several[::-1]).permission == ORDER[strictest]
    assert (joined(several).blocked is None) == all(one.blocked is None for one in several)
    assert (joined(several).stop is None) == all(one.stop is None for one in several)
    denied = any(one.request is not None and one.request.behavior == "deny" for one in several)
    request = joined(several).request
    assert (request is not None and request.behavior == "deny") == denied


@settings(max_examples=100, deadline=None)
@given(outcomes, outcomes, outcomes)
def test_joining_has_no_seams(one: HookOutcome, two: HookOutcome, three: HookOutcome) -> None:
    assert joined([joined([one, two]), three]) == joined([one, two, three])
    assert joined([NOTHING, one, NOTHING]) == one


def test_all_that_is_said_is_kept_in_the_order_of_the_settings() -> None:
    one = HookOutcome(
        permission="deny", permission_reason="a", blocked="a", contexts=("x",), messages=("m",), updated_input={"n": 1}
    )
    two = HookOutcome(
        permission="deny", permission_reason="b", blocked="b", contexts=("y",), messages=("n",), updated_input={"n": 2}
    )
    allowing = HookOutcome(permission="allow", permission_reason="not heard", updated_output="out", session_title="T")

    assert joined([one, allowing, two]) == HookOutcome(
        permission="deny",
        permission_reason="a\nb",
        blocked="a\nb",
        contexts=("x", "y"),
        messages=("m", "n"),
        updated_input={"n": 2},
        updated_output="out",
        session_title="T",
    )


@pytest.mark.parametrize("several", [[], [NOTHING], [NOTHING, NOTHING]])
def test_nothing_comes_of_nothing(several: list[HookOutcome]) -> None:
    assert joined(several) == NOTHING
