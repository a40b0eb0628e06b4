"""Two ways lead to a judgement, a short one for plain words and the long one. They must end at the same place.

The short way leaves out the parser, and the checks that cannot speak of a command of plain words alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.permissions.drawn import DrawnPaths, bash, ground, rules
from tests.permissions.test_bash_agrees import names, ran_by_bash
from tests.permissions.test_commands import ASKING, DANGERS, LOOKING, lines
from tianting.permissions.engine import judge
from tianting.permissions.file_access import Ends
from tianting.permissions.questions import Judgement, Question
from tianting.permissions.ruleset import Ruleset
from tianting.permissions.script import Script, Unreadable
from tianting.permissions.shell import dangers, judging, parts, syntax
from tianting.permissions.shell.plain import read_plain
from tianting.permissions.shell.syntax import read_script
from tianting.protocol.events import PermissionMode

EVERYDAY = (
    "make x", "npm run test", "git push origin", "git -C x push", "rm -rf build", "rm a.py", "cat .env", "cat src/c.py",
    "cp a.py b.py", "echo 'a b'", 'grep "x y" a.py', "cd src", "mv a.py /", "sudo ls", "bash", "xargs rm", "curl x.org",
    "cat link", "tool --file=.env", "tool -f.env", "./run x", "/bin/rm -rf x", "git clean -fd", "base64 -d x",
    "sort -o .env a", "mkdir -p q", "fork while", "mkfs.ext4 /dev/sda", "python", "node -e 1", "'rm' -rf build",
    "echo 'a;b' \"c|d\"", "tool '-f.env'", "make 2>&1", "echo x >> .bashrc", "A=1 make x", "git 'push' x", "rm",
    "touch src/z", "cp a.py src/b",
    "./make x", "/usr/bin/make x", "git commit", "tool -xsecrets/key", "tool a.py", "tool secrets", "tool /etc/x",
    "npm $x", "npm {publish,x}", "sort -", "find src", "tool A.pem", "tool 'a b'", "tool a b",
)  # fmt: skip
COMMANDS = (*EVERYDAY, *lines(LOOKING), *lines(ASKING), *lines(DANGERS))
DRAWN = st.one_of(st.sampled_from(EVERYDAY), st.sampled_from(COMMANDS))
COMPOUNDS = st.lists(st.tuples(DRAWN, st.sampled_from([" && ", " ; ", " | ", " || ", "\n", " & ", ";"])), min_size=1)
MODES = st.sampled_from(["default", "acceptEdits", "plan", "bypassPermissions", "dontAsk"])
RULESETS = (
    rules(),
    rules(
        allow="Bash(make:*) ; Bash(npm run *)",
        ask="Bash(git push:*) ; Bash(/usr/bin/make:*)",
        deny="Bash(rm -rf *) ; Bash(npm publish *) ; Read(.env) ; Read(secrets/**)",
    ),
    rules(deny="Bash(* -rf build) ; Edit(src/**)", ask="Read(**/*.py)", allow="Bash(git *)"),
    rules(allow="Bash(rm *) ; Read(//etc/**) ; Bash(cat link)", deny="Read"),
    rules(deny="Bash(git:*) ; Bash(rm) ; Bash(make *)", ask="Edit"),
    rules(
        allow="Bash(echo 'a b') ; Bash(tool a b) ; Edit(src/**)",
        ask="Bash(echo *)",
        deny="Read(~/**) ; Read([!a-z]*.pem)",
    ),
)


def joined(drawn: list[tuple[str, str]]) -> str:
    """The commands with the operators between them."""
    return "".join(command + operator for command, operator in drawn[:-1]) + drawn[-1][0]


PLAIN_WORDS = st.lists(
    st.sampled_from(["p", "git", "-x", "a/b", "'q r'", '"s  t"', "x=1", "''", "a'b;c'\"d&\"", "'$x'", "if", "'if'"]),
    min_size=1,
    max_size=5,
).map(" ".join)
PLAIN_TEXTS = st.lists(
    st.tuples(PLAIN_WORDS, st.sampled_from([" && ", "|", "; ", "\n", " & ", "||"])), min_size=1, max_size=4
).map(joined)


@contextmanager
def the_long_way() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts, "literal_texts", lambda _command: ())
        patched.setattr(judging, "_may_speak", lambda _heads, _texts: True)
        patched.setattr(dangers, "is_suspect", lambda _command: True)
        patched.setattr(Ends, "may_be_in", lambda _ends, _reach: True)
        patched.setattr(parts, "read_plain", lambda _text: None)
        patched.setattr(parts, "may_wrap", lambda _command: True)
        patched.setattr(syntax, "read_plain", lambda _text: None)
        yield


def judged_the_long_way(question: Question, ruleset: Ruleset) -> Judgement:
    with the_long_way():
        return judge(question, ruleset, GROUND)


def is_understood(text: str) -> bool:
    """Whether the parser reads the same. It refuses some plain texts, and pipes into `s`, too, in `p | q | r && s`."""
    with the_long_way():
        parsed = read_script(text)
    return isinstance(parsed, Script) and read_plain(text) in {None, parsed}


GROUND = ground(DrawnPaths(links={"/repo/link": "/repo/.env"}, names={"/repo/a.py": 2}))


@pytest.mark.parametrize("ruleset", RULESETS, ids=lambda ruleset: " ".join(line.text for line in ruleset.lines))
def test_both_ways_end_at_the_same_judgement_of_each_command(ruleset: Ruleset) -> None:
    questions = [bash(command) for command in COMMANDS if is_understood(command)]

    short = [judge(question, ruleset, GROUND) for question in questions]

    assert short == [judged_the_long_way(question, ruleset) for question in questions]


@given(drawn=COMPOUNDS, mode=MODES, ruleset=st.sampled_from(RULESETS))
@settings(max_examples=100, deadline=None)
def test_both_ways_end_at_the_same_judgement(
    drawn: list[tuple[str, str]], mode: PermissionMode, ruleset: Ruleset
) -> None:
    text = joined(drawn)

    if is_understood(text):
        question = bash(text, mode)
        assert judge(question, ruleset, GROUND) == judged_the_long_way(question, ruleset)


@given(text=PLAIN_TEXTS)
@settings(max_examples=100, deadline=None)
def test_both_readers_agree_on_quoted_words(text: str) -> None:
    plain = read_plain(text)
    with the_long_way():
        parsed = read_script(text)

    assert plain is None or isinstance(parsed, Unreadable) or plain.commands == parsed.commands


@given(text=PLAIN_TEXTS)
@settings(max_examples=60, deadline=None)
def test_bash_runs_the_quoted_words_that_were_read(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    plain = read_plain(text)
    if plain is None:
        return

    for words in ran_by_bash(text, tmp_path_factory.mktemp("empty")):
        assert any(names(command, words) for command in plain.commands), (words, plain.commands)


@pytest.mark.parametrize(
    "text",
    [
        "echo 'a\tb'",
        "echo 'é'",
        'echo "$x"',
        'echo "`x`"',
        'echo "\\n"',
        "echo 'a",
        "echo 'a\nb'",
        "echo $'a'",
        "echo a'",
    ],
)
def test_what_else_hides_in_quotes_is_left_to_the_parser(text: str) -> None:
    assert read_plain(text) is None


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("rm -rf build", id="a rule's words"),
        pytest.param("rm -rf 'build'", id="a rule's words, quoted"),
        pytest.param("/bin/rm -rf build", id="a program with its directory"),
        pytest.param("git -C x push", id="options before the subcommand"),
        pytest.param("tool .env", id="a file that may not be read"),
        pytest.param("tool -f.env", id="such a file behind an option's letter"),
        pytest.param("tool link", id="a link to such a file"),
        pytest.param("rm", id="a rule's words without the blank"),
    ],
)
def test_a_long_text_hides_nothing(command: str) -> None:
    ruleset = rules(deny="Bash(rm *) ; Bash(git push:*) ; Read(.env)")
    text = " && ".join([*[f"echo a{number}" for number in range(100)], command, *["cat README.md"] * 99])

    judgement = judge(bash(text), ruleset, GROUND)

    assert [part.text for part in judgement.parts if part.outcome == "deny"] == [command]
    assert len(judgement.parts) == 200


def test_a_guess_about_a_file_is_not_taken_for_the_answer() -> None:
    """Who may not use Read may still run programs that are given words; `cat` is another matter."""
    judgement = judge(bash("tool a.py && cat a.py"), rules(deny="Read ; Read(.env)", allow="Bash(tool *)"), GROUND)

    assert [part.outcome for part in judgement.parts] == ["allow", "deny"]
