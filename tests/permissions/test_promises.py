"""What holds for every command and every rule: nothing is raised, nothing else is let run."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.permissions.drawn import bash, call, ground, judged, rules
from tests.permissions.test_bash_agrees import TEXTS
from tests.permissions.test_commands import ASKING, DANGERS, LOOKING, lines
from tianting.permissions.engine import judge
from tianting.permissions.script import Unreadable
from tianting.permissions.shell.syntax import read_script
from tianting.permissions.wildcards import escaped, wildcard
from tianting.protocol.events import PermissionMode

ANY_TEXT = st.one_of(st.text(max_size=40), TEXTS, st.sampled_from([*lines(LOOKING), *lines(ASKING), *lines(DANGERS)]))
MODES = st.sampled_from(["default", "acceptEdits", "plan", "bypassPermissions", "dontAsk"])
RULES = st.sampled_from(
    ["Bash(p *)", "Bash(p:*)", "Bash(p)", "Read(.env)", "Edit(src/**)", "Bash(git * x)", "Bash(* x)"]
)
OTHER = st.sampled_from(
    ["q", "pp", "xp", "./p", "/p", "P", "p.sh", "rm", "'p q'", "p\\ q", "$p", "{p,q}", "p*", "\u0440"]
)
FRAMES = st.sampled_from(
    [
        "{} a",
        "p; {} a",
        "p && {} a",
        "p | {}",
        "p $({} a)",
        "p `{} a`",
        "p <({} a)",
        'p "$({} a)"',
        "timeout 5 {} a",
        "xargs {}",
        "env {} a",
        'bash -c "{} a"',
        'eval "{} a"',
        "p\n{} a",
        "p & {} a",
        "({} a)",
        "if p; then {} a; fi",
        "p <<E\n$({} a)\nE",
        "f() {{ {} a; }}; p",
        "watch {} a",
        "find . -exec {} ;",
        "A=b {} a",
        "p > x; {}",
        "! {} a",
        "nice p; nohup {} a",
        "x=$({} a) p",
        "p ${{x:-$({} a)}}",
        "p $(( $({} a) ))",
        "[[ $({} a) ]] && p",
        "for i in $({} a); do p; done",
    ]
)


@given(text=ANY_TEXT, mode=MODES, allow=RULES, deny=RULES)
@settings(max_examples=100, deadline=None)
def test_a_judgement_is_made_of_any_text(text: str, mode: PermissionMode, allow: str, deny: str) -> None:
    judgement = judge(bash(text, mode), rules(allow=allow, deny=deny), ground())

    assert judgement.parts
    assert judgement.outcome in {"allow", "ask", "deny"}


@given(path=st.text(max_size=30), mode=MODES)
@settings(max_examples=100, deadline=None)
def test_a_judgement_is_made_of_any_path(path: str, mode: PermissionMode) -> None:
    question = call("Edit", "edit", path, mode=mode)

    assert judged(question, rules(deny="Read(.env)", allow="Edit(src/**)"))


@given(url=st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_a_judgement_is_made_of_any_address(url: str) -> None:
    assert judged(call("WebFetch", "fetch", url), rules(allow="WebFetch(domain:x.org)")) in {"ask", "allow"}


@given(other=OTHER, frame=FRAMES)
@settings(max_examples=100, deadline=None)
def test_a_prefix_never_lets_another_program_run(other: str, frame: str) -> None:
    """`p` may run with any words; nothing here runs `p` alone."""
    command = frame.format(other)

    for rule in (
        "Bash(p *)",
        "Bash(p:*)",
        "Bash(p a *)",
        "Bash(timeout *) ; Bash(env *) ; Bash(xargs *) ; Bash(watch *)",
    ):
        assert judged(bash(command), rules(allow=rule)) != "allow"


@given(text=TEXTS)
@settings(max_examples=100, deadline=None)
def test_what_bypass_lets_run_was_understood(text: str) -> None:
    if judged(bash(text, "bypassPermissions")) == "allow":
        assert not isinstance(read_script(text), Unreadable)


@given(text=st.text(alphabet="ab *\\:", max_size=12))
@settings(max_examples=100)
def test_an_escaped_text_means_itself_alone(text: str) -> None:
    if not text.endswith(":"):
        pattern = wildcard(escaped(text))

        assert pattern.matches(text)
        assert not pattern.matches(f"{text}x")


@given(pattern=st.text(alphabet="ab* ", max_size=8), text=st.text(alphabet="ab ", max_size=8))
@settings(max_examples=100)
def test_a_wildcard_means_what_a_regular_expression_would(pattern: str, text: str) -> None:
    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    if pattern.endswith(" *") and pattern[:-2].rpartition("*")[2].strip():
        bare = ".*".join(re.escape(piece) for piece in pattern[:-2].split("*"))
        expression = f"(?:{expression})|(?:{bare})"

    assert wildcard(pattern).matches(text) == (re.fullmatch(expression, text) is not None)
