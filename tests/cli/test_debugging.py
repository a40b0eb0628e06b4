"""Which words behind --debug are a filter, and what it lets through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.cli.debugging import debug_wish, is_wanted, with_filters


@pytest.mark.parametrize(
    ("arguments", "bound", "wish"),
    [
        pytest.param([], [], None, id="nothing"),
        pytest.param(["-p", "Hi."], ["-p", "Hi."], None, id="a prompt"),
        pytest.param(["--debug"], ["--debug=*"], "*", id="alone"),
        pytest.param(["-d", "Mend it."], ["--debug=*", "Mend it."], "*", id="before a prompt"),
        pytest.param(["-d", "-p"], ["--debug=*", "-p"], "*", id="before an option"),
        pytest.param(["-d", "models,!http"], ["--debug=models,!http"], "models,!http", id="a filter"),
        pytest.param(["--debug=models", "x"], ["--debug=models", "x"], "models", id="bound"),
        pytest.param(["-d2e", "models"], ["--debug=*", "models"], "*", id="takes no filter"),
        pytest.param(["--debug-to-stderr"], ["--debug=*"], "*", id="its long form"),
        pytest.param(["-p", "--", "-d"], ["-p", "--", "-d"], None, id="a word"),
        pytest.param(["-d", "hooks", "--", "--debug=x"], ["--debug=hooks", "--", "--debug=x"], "hooks", id="both"),
    ],
)
def test_filter_is_bound(arguments: list[str], bound: list[str], wish: str | None) -> None:
    assert (with_filters(arguments), debug_wish(bound)) == (bound, wish)


@pytest.mark.parametrize(
    ("wish", "shown"),
    [
        pytest.param("*", ["tianting.models.http.api", "tianting.agent.loop", "httpcore2"], id="all"),
        pytest.param("models,agent", ["tianting.models.http.api", "tianting.agent.loop"], id="two parts"),
        pytest.param("!http", ["tianting.agent.loop"], id="all but one"),
        pytest.param("tianting,!http", ["tianting.agent.loop"], id="ours but one"),
    ],
)
def test_wish_names_what_is_shown(wish: str, shown: list[str]) -> None:
    loggers = ["tianting.models.http.api", "tianting.agent.loop", "httpcore2"]

    assert [logger for logger in loggers if is_wanted(logger, wish)] == shown


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["-p", "Hi there.", "--", "--model", "opus", "--effort", "x y"])))
def test_what_asks_for_no_log_stays_as_it_is(arguments: list[str]) -> None:
    assert (with_filters(arguments), debug_wish(arguments)) == (arguments, None)
