"""Quotes are undone as bash undoes them."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.permissions.glob_words import plain_prefix, shell_pattern, unescaped, without_braces
from tianting.permissions.shell.words import DisagreementError, read_word

PIECES = st.sampled_from(
    [
        "a",
        "'b c'",
        '"d e"',
        "\\ ",
        "\\'",
        "$'\\n'",
        "$'\\x41\\101\\u00e9'",
        '"\\$"',
        "'$x'",
        '"\\a"',
        "é",
        "\\\\",
        '$"q"',
        "''",
    ]
)


@given(word=st.lists(PIECES, min_size=1, max_size=6).map("".join))
@settings(max_examples=60, deadline=None)
def test_a_word_is_what_bash_makes_of_it(word: str) -> None:
    told = subprocess.run(
        ["bash", "-c", f"printf '%s\\1' {word}"], capture_output=True, timeout=10, check=True, env={"LC_ALL": "C.UTF-8"}
    )

    assert read_word(word, 0, len(word), []).value == told.stdout.decode().removesuffix("\1")


@pytest.mark.parametrize(
    "word",
    [
        "'a",
        '"a',
        "a b",
        "a;b",
        "a|b",
        "a(b",
        "`a`",
        "$x",
        "${x}",
        "$(x)",
        '"$x"',
        '"`x`"',
        "$'a",
        "a\\",
        "$'\\xff'",
        "$'\\ud800'",
        "$[",
    ],
)
def test_what_bash_would_not_read_as_one_word_is_refused(word: str) -> None:
    with pytest.raises(DisagreementError):
        read_word(word, 0, len(word), [])


@pytest.mark.parametrize(
    ("word", "value", "literal"),
    [
        pytest.param("a*", "a*", False, id="pattern"),
        pytest.param("'a*'", "a*", True, id="quoted star"),
        pytest.param("a\\*", "a*", True, id="escaped star"),
        pytest.param("{a,b}", "{a,b}", False, id="braces"),
        pytest.param("'{a,b}'", "{a,b}", True, id="quoted braces"),
        pytest.param("~/x", "~/x", False, id="home"),
        pytest.param("'~/x'", "~/x", True, id="quoted home"),
        pytest.param("a~", "a~", True, id="no home"),
        pytest.param("a$", "a$", True, id="a dollar alone"),
        pytest.param("$'\\cA\\0b'", "\x01", True, id="what follows a NUL is lost"),
    ],
)
def test_a_word_is_literal_or_not(word: str, value: str, literal: bool) -> None:
    read = read_word(word, 0, len(word), [])

    assert (read.value, read.literal) == (value, literal)


def test_expansions_are_holes() -> None:
    read = read_word('a"$x"*', 0, 6, [(2, 4, "x")])

    assert (read.value, read.names, read.pattern) == ("a\0*", ("x",), "a\0*")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("a", ("a",), id="none"),
        pytest.param("a{b,c}d", ("abd", "acd"), id="two"),
        pytest.param("{a,b}{c,d}", ("ac", "ad", "bc", "bd"), id="twice two"),
        pytest.param("{a,{b,c}}", ("a", "b", "c"), id="nested"),
        pytest.param("{a}", ("{a}",), id="no comma"),
        pytest.param("{a,b", ("{a,b",), id="open"),
        pytest.param("\\{a,b\\}", ("\\{a,b\\}",), id="quoted"),
        pytest.param("{a\\,b,c}", ("a\\,b", "c"), id="quoted comma"),
        pytest.param("{1..3}", None, id="range"),
        pytest.param("{a,b}" * 8, None, id="too many"),
    ],
)
def test_braces_open(pattern: str, expected: tuple[str, ...] | None) -> None:
    assert without_braces(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        pytest.param("a*", "abc", "ba", id="star"),
        pytest.param("a?", "ab", "a", id="one"),
        pytest.param("[a-c]", "b", "d", id="class"),
        pytest.param("[!a-c]", "d", "b", id="class of others"),
        pytest.param("[]a]", "]", "b", id="bracket in a class"),
        pytest.param("[[:alpha:]]", "a", "ab", id="named class: any character"),
        pytest.param("[a", "[a", "a", id="open class"),
        pytest.param("a\\*", "a*", "ab", id="escaped"),
        pytest.param("a\\", "a\\", "a", id="backslash at the end"),
        pytest.param("[z-a]", "", "z", id="backwards"),
    ],
)
def test_pattern_of_the_shell(pattern: str, matching: str, other: str) -> None:
    expression = shell_pattern(pattern)

    assert (expression.fullmatch(matching) is not None, expression.fullmatch(other)) == (matching != "", None)


def test_the_text_before_a_pattern() -> None:
    assert [plain_prefix(pattern) for pattern in ("/a/b*/c", "/a/\\*/b?", "/a", "*")] == ["/a/", "/a/*/", "/", ""]
    assert unescaped("a\\*\\\\") == "a*\\"
