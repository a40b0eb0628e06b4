"""Command lines are understood where they are plain, and called not understood where they are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.tools.shell.command import Showing, Step, deciding_words, only_waits, showing, steps


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("", (), id="empty"),
        pytest.param("ls -l", (Step(words=("ls", "-l")),), id="one program"),
        pytest.param(
            "a && b | c\nd; e & f || g |& h",
            (
                Step(words=("a",)),
                Step(words=("b",), joined="&&"),
                Step(words=("c",), joined="|"),
                Step(words=("d",), joined="\n"),
                Step(words=("e",), joined=";"),
                Step(words=("f",), joined="&"),
                Step(words=("g",), joined="||"),
                Step(words=("h",), joined="|&"),
            ),
            id="every operator",
        ),
        pytest.param(
            r"""grep 'a|b' "it's \"so\" \$x \n" c\ d 'e'"f"g""",
            (Step(words=("grep", "a|b", 'it\'s "so" $x \\n', "c d", "efg")),),
            id="quotes",
        ),
        pytest.param("A=1 B='x y' make C=2", (Step(words=("make", "C=2")),), id="assignments in front"),
        pytest.param("ls > out 2>&1 < in x", (Step(words=("ls", "x"), redirected=True),), id="redirections"),
        pytest.param(
            "ls &>/dev/null; pwd", (Step(words=("ls",), redirected=True), Step(words=("pwd",), joined=";")), id="&>"
        ),
        pytest.param("ls \\\n  -l\n\n", (Step(words=("ls", "-l")),), id="continued line"),
        pytest.param(
            "find . -exec ls {} \\;", (Step(words=("find", ".", "-exec", "ls", "{}", ";")),), id="quoted operator"
        ),
        pytest.param("echo 'unclosed", (), id="unclosed quote"),
        pytest.param("grep x $(cat f)", (), id="substitution"),
        pytest.param("grep x `cat f`", (), id="old substitution"),
        pytest.param("diff <(a) <(b)", (), id="process substitution"),
        pytest.param("cat <<E\nx\nE", (), id="here-document"),
        pytest.param("(cd x; ls)", (), id="group"),
    ],
)
def test_command_is_taken_apart(command: str, expected: tuple[Step, ...]) -> None:
    assert steps(command) == expected


@pytest.mark.parametrize(
    ("command", "program"),
    [
        pytest.param("grep x f", "grep", id="alone"),
        pytest.param("cat f | grep x", "grep", id="end of a pipeline"),
        pytest.param("make; grep x f", "grep", id="after ;"),
        pytest.param("make || grep x f", "grep", id="after ||"),
        pytest.param("cd src && cat f | grep x", "grep", id="after cd"),
        pytest.param("make; cd src && grep x f", "grep", id="after ; and cd"),
        pytest.param("make && grep x f", "", id="after && of a program that may fail"),
        pytest.param("make && cd src && grep x f", "", id="after && twice"),
        pytest.param("grep x $(make)", "", id="not understood"),
        pytest.param("", "", id="empty"),
    ],
)
def test_exit_code_is_traced_to_its_program(command: str, program: str) -> None:
    assert "".join(deciding_words(command)[:1]) == program


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("cat f", Showing(operands=("f",), whole=True), id="cat"),
        pytest.param("nl -ba f", Showing(operands=("f",), whole=True), id="nl"),
        pytest.param("bat f", Showing(operands=("f",), whole=True), id="bat"),
        pytest.param("bat --line-range=1:5 f", Showing(operands=("f",), whole=False), id="bat, a range"),
        pytest.param("cat a b", None, id="cat, two files"),
        pytest.param("cat f | head", None, id="pipeline"),
        pytest.param("cat f > g", None, id="redirected"),
        pytest.param("cat f; cat g", None, id="two commands"),
        pytest.param("head -n 5 f", Showing(operands=("5", "f"), whole=False), id="head"),
        pytest.param("tail -5 f", Showing(operands=("f",), whole=False), id="tail"),
        pytest.param("sed -n 1,20p f", Showing(operands=("f",), whole=False), id="sed, lines"),
        pytest.param("sed -n '5,$p' f", Showing(operands=("f",), whole=False), id="sed, to the end"),
        pytest.param("sed -n 's/a/b/p' f", None, id="sed, other script"),
        pytest.param("sed -n -i 5p f", None, id="sed, in place"),
        pytest.param("grep -A 3 'x y' f", Showing(operands=("3", "x y", "f"), whole=False), id="grep"),
        pytest.param("rg x f", Showing(operands=("x", "f"), whole=False), id="rg"),
        pytest.param("grep -nc x f", None, id="grep that counts"),
        pytest.param("rg --count x f", None, id="rg that counts"),
        pytest.param("rm f", None, id="other program"),
        pytest.param("", None, id="empty"),
    ],
)
def test_plain_readers_are_known(command: str, expected: Showing | None) -> None:
    assert showing(command) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [("sleep 100", True), (" sleep 1; make", True), ("sleepy", False), ("make; sleep 1", False), ("", False)],
)
def test_sleeping_is_only_waiting(command: str, expected: bool) -> None:
    assert only_waits(command) is expected


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab =\\'\"|&;<>()$`\n12", max_size=30))
def test_no_command_line_breaks_the_reader(command: str) -> None:
    assert all(step.words for step in steps(command))
    deciding_words(command)
    showing(command)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="ab'\" \n|&;<>*\\", min_size=1), min_size=1, max_size=4))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    quoted = " ".join("'" + word.replace("'", "'\"'\"'") + "'" for word in words)

    assert [list(step.words) for step in steps(f"run {quoted}")] in ([["run", *words]], [])
