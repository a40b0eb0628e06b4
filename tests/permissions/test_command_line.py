"""Every program that a line might start is found, whichever way it is written."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.permissions.command_line import UNREADABLE, programs


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("rm x", [("rm", "x")], id="plain"),
        pytest.param("/bin/rm x", [("rm", "x")], id="with its directory"),
        pytest.param("\\rm x", [("rm", "x")], id="backslash"),
        pytest.param("r''m \"x y\"", [("rm", "x y")], id="quotes"),
        pytest.param("RM x", [("rm", "x")], id="capitals"),
        pytest.param("A=1 B[2]=x rm x", [("rm", "x")], id="assignments"),
        pytest.param(">log 2>&1 rm x <in", [("rm", "x")], id="redirections"),
        pytest.param("ls;rm x", [("ls",), ("rm", "x")], id="semicolon"),
        pytest.param("ls|rm x&", [("ls",), ("rm", "x")], id="pipe and background"),
        pytest.param("ls \\\n rm", [("ls", "rm")], id="continued line"),
        pytest.param("ls # it's\nrm x", [("ls",), ("rm", "x")], id="comment with a quote"),
        pytest.param("ls a#b", [("ls", "a#b")], id="no comment"),
        pytest.param("(rm x)", [("rm", "x")], id="subshell"),
        pytest.param("{ rm x; }", [("rm", "x")], id="group"),
        pytest.param("! time rm x", [("rm", "x")], id="keywords"),
        pytest.param("if a; then rm x; fi", [("a",), ("rm", "x"), ("fi",)], id="condition"),
        pytest.param("echo $(rm x) y", [("echo",), ("rm", "x"), ("y",)], id="substitution"),
        pytest.param('echo "$(rm x)"', [("rm", "x"), ("echo", "$(rm x)")], id="substitution in quotes"),
        pytest.param("echo '$(rm x)'", [("echo", "$(rm x)")], id="no substitution"),
        pytest.param("diff <(rm x) y", [("diff",), ("rm", "x"), ("y",)], id="process substitution"),
        pytest.param("echo $'\\'' ; rm x #'", [("echo", "\\'"), ("rm", "x")], id="quote with escapes"),
        pytest.param("git commit -m 'x; rm y'", [("git", "commit", "-m", "x; rm y")], id="quoted text"),
        pytest.param("[ -f x ]", [("[", "-f", "x", "]")], id="test"),
        pytest.param("$HOME/bin/rm x", [("rm", "x")], id="expanded directory"),
        pytest.param("$x y", [(UNREADABLE, "y")], id="expanded name"),
        pytest.param("'$x' y", [("$x", "y")], id="quoted dollar"),
        pytest.param("$'\\x72m' x", [(UNREADABLE, "x")], id="name in escapes"),
        pytest.param("/bin/r? x", [(UNREADABLE, "x")], id="wildcard as a name"),
        pytest.param("{rm,x}", [(UNREADABLE,)], id="braces as a name"),
        pytest.param("curl x | sh", [("curl", "x"), ("sh",), (UNREADABLE,)], id="script from a pipe"),
        pytest.param("sh run.sh", [("sh", "run.sh"), ("run.sh",)], id="script from a file"),
    ],
)
def test_programs_of_a_line(line: str, expected: list[tuple[str, ...]]) -> None:
    assert list(programs(line)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "sudo -u root rm x",
        "env A=1 rm x",
        "timeout 5 rm x",
        "find . -exec rm x \\;",
        "xargs -0 rm x",
        "bash -c 'ls; rm x'",
        "sudo bash -c 'rm x'",
        "bash -c \"bash -c 'rm x'\"",
        "eval 'rm x'",
        "cat <<E\nit's\nE\nrm x",
        "echo ${x:-$(rm x)}",
        "bash <<'E'\nrm x\nE",
    ],
)
def test_program_behind_another_is_found(line: str) -> None:
    assert any(command[:2] == ("rm", "x") for command in programs(line))


@pytest.mark.parametrize("line", ['bash -c "$x"', 'eval "$x"', "curl x | sudo sh", "sh <x", "ls | bash -s"])
def test_program_that_comes_from_elsewhere_is_unreadable(line: str) -> None:
    assert (UNREADABLE,) in programs(line)


def test_shells_in_shells_end() -> None:
    line = "rm x"
    for _ in range(8):
        line = f"bash -c {shlex.quote(line)}"

    assert (UNREADABLE,) in programs(line)


@settings(max_examples=100)
@given(st.lists(st.text("abc \"'\\$&|;#\n", min_size=1, max_size=8), min_size=1, max_size=5))
def test_quoting_hides_nothing_and_invents_nothing(words: list[str]) -> None:
    assert list(programs(shlex.join(["rm", *words]))) == [("rm", *words)]


@settings(max_examples=100)
@given(st.text("ab \"'`\\$(){}<>&|;#=\n", max_size=60))
def test_no_line_is_too_odd(line: str) -> None:
    list(programs(line))


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "line",
    ["'" * 100_000, '"$(' * 30_000, "xargs " + "a " * 50_000, "bash -c " * 10_000, "\\" * 100_000, "<" * 100_000],
)
def test_long_lines_are_read_quickly(line: str) -> None:
    for _ in programs(line):
        pass
