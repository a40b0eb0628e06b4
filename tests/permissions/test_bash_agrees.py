"""bash itself is asked: whatever it runs, the reading of the text has named.

Texts are drawn from the pieces of the shell's grammar. bash runs them with no program to find, and tells what it tried
to run; each of those must be among the commands that were read, or the text must have been refused.
"""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tianting.permissions.script import Command, Script, Unreadable
from tianting.permissions.shell.plain import read_plain
from tianting.permissions.shell.syntax import read_script

PIECES = st.sampled_from(
    [
        "p",
        "q",
        "r",
        "p ",
        "q ",
        "r ",
        " ",
        " ",
        "'",
        '"',
        "\\",
        "$",
        "`",
        "$(",
        ")",
        "(",
        "{ ",
        "; }",
        "}",
        ";",
        "&&",
        "||",
        "|",
        "|&",
        "\n",
        "\\\n",
        "#",
        "<<E\n",
        "\nE\n",
        "<<'E'\n",
        "<<<",
        "< ",
        "> ",
        "2>&1",
        "$'",
        "$((",
        "))",
        "((",
        "[[ ",
        " ]]",
        "[ ",
        " ]",
        "if ",
        "; then ",
        "; fi",
        "for x in ",
        "; do ",
        "; done",
        "case p in ",
        "p) ",
        ";;",
        "esac",
        "x=",
        "${x:-",
        "$x",
        "! ",
        "time ",
        "f() ",
        "*",
        "?",
        "\t",
        "-",
        "1",
        "<(",
        "{p,q}",
        "{",
        ",",
        "else ",
        "é",
        "x[",
        "&>",
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=12).map("".join)
PLAIN = st.lists(
    st.sampled_from(
        ["p", "git", "-x", "a/b", "x=1", "~", "if", "in", "time", "&&", "||", "|", ";", "&", "\n", "|&", "export"]
    ),
    min_size=1,
    max_size=9,
).map(" ".join)
SEES_THROUGH = frozenset(
    {"time", "exec", "eval", "command", "builtin", "coproc", "let", "export", "declare", "unset", "[", "[[", "(("}
)
TOLD = '() { local a= w; for w in "$@"; do a+="$w"$\'\\2\'; done; builtin printf \'%s\\1\' "$a" >>"$LOG"; }'


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


def ran_by_bash(text: str, directory: Path) -> list[list[str]]:
    """The words of every program bash tried to start. There is none to be found."""
    log = directory.parent / "log"
    log.write_bytes(b"")
    environment = {"PATH": "/nonexistent", "HOME": str(directory), "LOG": str(log)}
    environment["BASH_FUNC_command_not_found_handle%%"] = TOLD
    try:
        subprocess.run(
            ["/bin/bash", "-c", text], env=environment, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=2, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return []  # an endless loop; what it ran first may not be written yet
    tried = log.read_bytes().decode(errors="replace").split("\1")[:-1]
    return [words.split("\2")[:-1] for words in tried]


def names(command: Command, words: list[str]) -> bool:
    """Whether the command read is the one that was tried, as far as it could be known."""
    if command.program in SEES_THROUGH:
        return True
    for read, tried in zip(command.words, words, strict=False):
        if not read.literal:
            return True
        if read.value != tried:
            return False
    return len(command.words) == len(words)


@given(text=TEXTS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bash_runs_nothing_that_was_not_read(text: str, directory: Path) -> None:
    script = read_script(text)
    if isinstance(script, Unreadable):
        return

    for words in ran_by_bash(text, directory):
        assert any(names(command, words) for command in script.commands), (words, script.commands)


@given(text=PLAIN)
@settings(max_examples=100, deadline=None)
def test_both_readers_agree_on_plain_text(text: str) -> None:
    plain = read_plain(text)
    if plain is not None:
        assert plain == by_the_parser(text)


def by_the_parser(text: str) -> Script | Unreadable:
    """The same text, made not plain by a comment."""
    return read_script(f"{text} # ~")


@pytest.mark.parametrize(
    "text",
    [
        "[ a > b ]",
        "((p) )",
        "{}",
        "2x=p",
        "é=p",
        "p <<A <<B\nA\nB\n",
        "time { p; }",
        "p\\\n#q",
        "\\ p",
        "-2>&1",
        "p 3<>f",
        "p {f}>x",
        "p <<E\n`q`\nE\n",
        "${x@P}",
        "${!x}",
        "p $[1]",
        "`p \\`q\\``",
        "p '",
        'p "',
        "p $(",
        "p `",
        "if p",
        "p <<E\n",
        "p\r",
        "p\u00a0",
        "$'\\x80'",
        "declare 'a[$(p)]=1'",
        "[[ 'a[$(p)]' -eq 1 ]]",
        "for ((i='$(p)';;)); do q; done",
        "(" * 60 + "p" + ")" * 60,
        'p <<"E\n',
        "p <<E -\nE\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    assert isinstance(read_script(text), Unreadable)


@pytest.mark.parametrize(
    "text",
    [
        '[ "$a" = "b" ] && p',
        "for i in $(seq 3); do p $i; done",
        'p | while read -r f; do q "$f"; done',
        "[ $? -eq 0 ]",
        "echo ${x%%.*} ${x##*/} ${x/a/b} ${#x} ${x:1:2} ${x[@]} ${x[0]} ${x^^}",
        'a=(1 2 3); p "${a[@]}"',
        "p 2>&1 | tee x",
        "cat > x <<'EOF'\nit's `a` $(b) \"c\nEOF",
        "cat <<EOF > x\n$(date) $x \\`a\\`\nEOF\nls",
        "p && { q; } || r",
        "((x++))",
        "p > x 2> y < z",
        "p >&2",
        "p <<-E\n\ta\n\tE\n",
        "if p; then q; elif r; then s; else t; fi",
        "p; # q\nr",
        "p $((x*2+(1)))",
        "git commit -m \"$(cat <<'EOF'\nfix: it's done\n\n- (a) `b`\nEOF\n)\"",
        "export A=1 B='x y'",
        "x=$(p) y=1 q",
        'p "$(q "$(r)")"',
        "case $x in a|b) p;; *) q;; esac",
        "p 'it'\\''s'",
        'p "a\\"b"',
        "until p; do q; done",
        "p &\nq",
        "(p; q) | r",
        "!\\\n p",
        "!p",
        "case p in (a|b) q;; esac",
    ],
)
def test_everyday_text_is_understood(text: str) -> None:
    assert isinstance(read_script(text), Script)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("p <<E\nx\\\nE\nE\nq", id="a backslash before the end of a here-document"),
        pytest.param("p <<E \\\nE\nq\nE\n", id="a here-document announced over two lines"),
        pytest.param("p <<E\n E\nE\nq", id="an end with a blank before it"),
        pytest.param("$(p <<E\nx\nE)\nq", id="an end inside a substitution"),
        pytest.param("p <<E >f q\nE\n", id="words behind a here-document"),
        pytest.param('echo "${x:-\'}"; p; "\'}"', id="a brace in quotes that do not count"),
        pytest.param('echo ${x:-"}"}', id="a brace in quotes that count"),
        pytest.param("a[p; q]=1", id="an index with a command in it"),
        pytest.param("[[ p =~ q; ]]", id="a test that may have ended"),
        pytest.param("[[ p =~ ]]q ]]", id="a test that seems to end twice"),
        pytest.param("for ((i=`p`;;)); do q; done", id="a loop that computes with a program"),
        pytest.param("&> ]]$2 p", id="a target in two pieces"),
        pytest.param("p <&q", id="a descriptor that is a word"),
        pytest.param("r<<-E<<-E\n$x", id="two here-documents at once"),
        pytest.param("p >& --q", id="a closed output and a program"),
        pytest.param("s\\\nx=p q", id="an assignment over two lines"),
        pytest.param("x=\nx=\\\n\nq\n", id="an assignment to nothing, and a command"),
        pytest.param("<<<$\t2", id="a dollar and a word"),
        pytest.param("p ${ q; }", id="a substitution of a newer bash"),
        pytest.param("p ${x:=$'`q`'}", id="backquotes in an expansion"),
        pytest.param("case p in `q`) r;; '$(s)') t;; esac $(", id="open to the end"),
        pytest.param("p\\\n >&{", id="a brace for a descriptor"),
        pytest.param("-2>&1", id="a negative descriptor"),
        pytest.param("p ) <&-E", id="a stray parenthesis"),
        pytest.param("if p; then " * 50 + "q" + "; fi" * 50, id="nested too deeply"),
        pytest.param("echo " + '"$(' * 50 + "q" + ')"' * 50, id="nested too deeply in words"),
    ],
)
def test_what_the_parser_reads_otherwise_than_bash_is_refused(text: str) -> None:
    assert isinstance(read_script(text), Unreadable)


@pytest.mark.parametrize(
    ("text", "programs", "targets"),
    [
        pytest.param("f() { p; } > x", ["p", ""], ["x"], id="a function's redirection"),
        pytest.param("echo $(<x)", ["echo", ""], ["x"], id="a file for a substitution"),
        pytest.param(">&- p", ["p"], [], id="a closed descriptor"),
        pytest.param("p > x q", ["p"], ["x"], id="words behind a redirection"),
        pytest.param("{ p; q; } >> x 2>&1", ["p", "q", ""], ["x"], id="a group's redirection"),
        pytest.param("> x", [""], ["x"], id="a redirection alone"),
        pytest.param("p > >(q)", ["p", "q"], [], id="a redirection into a command"),
    ],
)
def test_redirections_are_read(text: str, programs: list[str], targets: list[str]) -> None:
    script = read_script(text)

    assert isinstance(script, Script)
    assert [command.program for command in script.commands] == programs
    assert [each.target.value for command in script.commands for each in command.redirections] == targets
