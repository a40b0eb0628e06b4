"""Lists of rules as a command line gives them."""

import pytest

from tianting.permissions.rule_lists import split_rules


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        pytest.param((), (), id="nothing"),
        pytest.param(("",), (), id="an empty one"),
        pytest.param(("Read,Edit Bash(git log *)",), ("Read", "Edit", "Bash(git log *)"), id="commas and blanks"),
        pytest.param(("Read", "Bash(a, b)"), ("Read", "Bash(a, b)"), id="several, and a comma in one"),
        pytest.param(("Bash(echo (x) y), Read",), ("Bash(echo (x) y)", "Read"), id="parentheses in parentheses"),
    ],
)
def test_split(values: tuple[str, ...], rules: tuple[str, ...]) -> None:
    assert split_rules(values) == rules
