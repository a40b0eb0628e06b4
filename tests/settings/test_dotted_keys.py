"""Keys as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.protocol.errors import ConfigError
from tianting.settings.dotted_keys import join_key, split_key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("model", ("model",), id="one part"),
        pytest.param("permissions.allow", ("permissions", "allow"), id="two parts"),
        pytest.param('models."gpt-6.2-sol".images', ("models", "gpt-6.2-sol", "images"), id="quoted"),
        pytest.param(r'env."a\q"', ("env", r"a\q"), id="quoted, and no JSON"),
    ],
)
def test_key_is_split(text: str, key: tuple[str, ...]) -> None:
    assert split_key(text) == key


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", '"a', '"a"b', '""'])
def test_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not understood"):
        split_key(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3))
def test_joined_key_is_split_into_the_same(parts: list[str]) -> None:
    assert split_key(join_key(tuple(parts))) == tuple(parts)
