"""Exit codes are explained by a table; a wrong "not failed" would hide a failure."""

import pytest

from tianting.tools.shell.exit_codes import Ending, ending, question, shell_code


@pytest.mark.parametrize(
    ("code", "command", "output", "expected"),
    [
        pytest.param(0, "make", "", Ending(failed=False), id="success"),
        pytest.param(2, "make", "", Ending(failed=True), id="failure"),
        pytest.param(1, "make", "", Ending(failed=True), id="plain 1"),
        pytest.param(1, "grep x f", "", Ending(failed=False, meaning="no line matched"), id="grep"),
        pytest.param(1, "egrep x f", "", Ending(failed=False, meaning="no line matched"), id="egrep"),
        pytest.param(1, "fgrep x f", "", Ending(failed=False, meaning="no line matched"), id="fgrep"),
        pytest.param(1, "cat f | rg x", "", Ending(failed=False, meaning="no line matched"), id="rg"),
        pytest.param(
            1, "git -C a --no-pager grep x", "", Ending(failed=False, meaning="no line matched"), id="git grep"
        ),
        pytest.param(1, "diff a b", "<", Ending(failed=False, meaning="they differ"), id="diff"),
        pytest.param(1, "git diff --quiet", "", Ending(failed=False, meaning="they differ"), id="git diff"),
        pytest.param(1, "test -f x", "", Ending(failed=False, meaning="the condition is false"), id="test"),
        pytest.param(1, "[ -f x ]", "", Ending(failed=False, meaning="the condition is false"), id="["),
        pytest.param(1, "find /", "", Ending(failed=False, meaning="some places could not be searched"), id="find"),
        pytest.param(1, "git commit", "", Ending(failed=True), id="git commit"),
        pytest.param(1, "git", "", Ending(failed=True), id="git alone"),
        pytest.param(2, "grep x missing", "", Ending(failed=True), id="grep that broke"),
        pytest.param(1, "cd no && grep x f", "bash: line 1: cd: no: No such file", Ending(failed=True), id="cd failed"),
        pytest.param(1, "make && grep x f", "", Ending(failed=True), id="perhaps not grep"),
        pytest.param(
            126,
            "./run",
            "",
            Ending(
                failed=True, meaning="found, but it may not be executed; chmod +x it, or run it with its interpreter"
            ),
            id="not executable",
        ),
        pytest.param(
            127,
            "foo",
            "bash: line 1: foo: command not found\n",
            Ending(failed=True, meaning="not found: foo"),
            id="bash",
        ),
        pytest.param(127, "foo", "sh: 1: foo: not found\n", Ending(failed=True, meaning="not found: foo"), id="sh"),
        pytest.param(127, "x", "", Ending(failed=True, meaning="a program was not found"), id="nothing said"),
        pytest.param(
            137, "x", "", Ending(failed=True, meaning="killed by SIGKILL, perhaps for want of memory"), id="SIGKILL"
        ),
        pytest.param(139, "x", "", Ending(failed=True, meaning="ended by SIGSEGV"), id="SIGSEGV"),
        pytest.param(255, "ssh x", "", Ending(failed=True), id="no signal"),
    ],
)
def test_ending(code: int, command: str, output: str, expected: Ending) -> None:
    assert ending(code, command, output) == expected


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 3), (-9, 137), (-15, 143)])
def test_signals_are_counted_as_shells_do(code: int, expected: int) -> None:
    assert shell_code(code) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(
            "Reading...\nDo you want to continue? [Y/n] Abort.\n", "Do you want to continue? [Y/n] Abort.", id="apt"
        ),
        pytest.param("Proceed (y/N)? ", "Proceed (y/N)?", id="at the end"),
        pytest.param("Password for 'https://x': ", "Password for 'https://x':", id="password"),
        pytest.param("Really? [y/N]\n" + "line\n" * 200, "", id="long ago"),
        pytest.param("2 failed\n", "", id="no question"),
    ],
)
def test_question_nobody_can_answer(output: str, expected: str) -> None:
    assert question(output) == expected
