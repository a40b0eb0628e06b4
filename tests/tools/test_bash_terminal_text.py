"""Plain text is the same however the bytes were cut, and nothing of a screen is left in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.tools.shell.terminal_text import LONGEST_LINE, TerminalText, plain


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(b"plain\ttext\n", "plain\ttext\n", id="plain"),
        pytest.param(b"\x1b[1;31mred\x1b[0m \x1b(Bx\x1bc\n", "red x\n", id="colours and resets"),
        pytest.param(b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", "alink\n", id="titles and links"),
        pytest.param(b"a\x1b]never ended\nb\n", "anever ended\nb\n", id="string without an end"),
        pytest.param(b"\x1b", "", id="lone escape"),
        pytest.param(b"10%\r 50%\r100%\ndone\n", "100%\ndone\n", id="progress bar"),
        pytest.param(b"10%\r100%\r\n", "100%\n", id="progress bar that returns once more"),
        pytest.param(b"10%\r\x1b[K100%\r", "100%", id="progress bar without an end"),
        pytest.param(b"dos\r\nlines\r\r\n", "dos\nlines\n", id="CRLF"),
        pytest.param(b"|\b/\b-\b\\\b done\n", " done\n", id="spinner"),
        pytest.param(b"\b\bx\b\b\by\n", "y\n", id="more backspaces than characters"),
        pytest.param(b"a\0b\x07c\x7f\xc2\x85d", "a\ufffdbcd", id="control characters"),
        pytest.param(b"\xff\xfe caf\xc3\xa9 \xe4\xb8", "\ufffd\ufffd caf\u00e9 \ufffd", id="invalid UTF-8"),
    ],
)
def test_bytes_become_plain_text(written: bytes, expected: str) -> None:
    text = TerminalText()

    assert text.feed(written) + text.finish() == expected


def test_unfinished_line_waits_until_it_is_asked_for() -> None:
    text = TerminalText()

    assert [text.feed(b"a\nPass"), text.flush(), text.feed(b"word:"), text.feed(b" ok\n"), text.finish()] == [
        "a\n",
        "Pass",
        "",
        "word: ok\n",
        "",
    ]


def test_line_without_end_is_given_out_in_parts() -> None:
    text = TerminalText()
    parts = [text.feed(b"x" * 1000) for _ in range(10)]

    assert max(map(len, parts)) <= LONGEST_LINE + 1000
    assert "".join(parts) + text.finish() == "x" * 10_000


def test_progress_bar_without_line_break_is_not_gathered() -> None:
    text = TerminalText()
    given_out = "".join(text.feed(f"{number:6} of 100000\r".encode()) for number in range(1, 100_001))

    assert given_out + text.finish() == "100000 of 100000"


def test_escape_sequence_survives_a_cut_of_a_long_line() -> None:
    text = TerminalText()

    assert text.feed(b"x" * LONGEST_LINE + b"\x1b[3") + text.feed(b"1my") + text.finish() == "x" * LONGEST_LINE + "y"


SCREEN = st.lists(
    st.sampled_from([b"a", b"\xc3\xa9", b"\xff", b"\n", b"\r", b"\b", b"\x1b[1m", b"\x1b]0;t\x07", b"\0"])
)


@settings(max_examples=100, deadline=None)
@given(SCREEN, st.integers(1, 7))
def test_cuts_between_reads_change_nothing(pieces: list[bytes], step: int) -> None:
    written = b"".join(pieces)
    whole, cut = TerminalText(), TerminalText()
    parts = [cut.feed(written[start : start + step]) for start in range(0, len(written), step)]

    assert "".join(parts) + cut.finish() == whole.feed(written) + whole.finish()


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_plain_text_stays_plain(text: str) -> None:
    once = plain(text)

    assert plain(once) == once
    assert not {"\x1b", "\r", "\b", "\0"} & set(once)
