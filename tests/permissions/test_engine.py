"""What is said of calls that are no commands: files, addresses, agents, tools of other servers, and all modes."""

from typing import Any

import pytest

from tests.permissions.drawn import DrawnPaths, answer, bash, call, ground, judged, rules
from tianting.permissions.engine import judge
from tianting.permissions.questions import Judgement, Part
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Effect

MODES: tuple[PermissionMode, ...] = ("default", "acceptEdits", "plan", "bypassPermissions", "dontAsk")


@pytest.mark.parametrize(
    ("tool", "effect", "target", "expected"),
    [
        pytest.param("Read", "read", "/repo/a.py", "allow allow allow allow allow", id="read inside"),
        pytest.param("Read", "read", "/srv/x", "ask ask ask allow deny", id="read outside"),
        pytest.param("Read", "read", "/repo/../srv/x", "ask ask ask allow deny", id="read by a detour"),
        pytest.param("Read", "read", "/proc/self/root/srv/x", "ask ask ask allow deny", id="read by /proc"),
        pytest.param("Read", "read", "/proc/self/cwd/a.py", "allow allow allow allow allow", id="read inside by /proc"),
        pytest.param("Read", "read", "/dev/fd/9", "ask ask ask allow deny", id="an open file"),
        pytest.param("Read", "read", "/repo/link", "ask ask ask allow deny", id="a link that leads outside"),
        pytest.param("Edit", "edit", "/repo/a.py", "ask allow deny allow deny", id="edit inside"),
        pytest.param("Write", "edit", "/srv/x", "ask ask deny allow deny", id="write outside"),
        pytest.param("Write", "edit", "/repo/link", "ask ask deny allow deny", id="write through a link"),
        pytest.param("Write", "edit", "/repo/.git/config", "ask ask deny allow deny", id="protected"),
        pytest.param("Write", "edit", "/repo/sub/.vscode/x", "ask ask deny allow deny", id="protected at any depth"),
        pytest.param("Write", "edit", "/repo/.GIT/config", "ask ask deny allow deny", id="protected in capitals"),
        pytest.param("Write", "edit", "/repo/gradle-wrapper.properties", "ask ask deny allow deny", id="by its ending"),
        pytest.param("Write", "edit", "/home/me/.config/git/x", "ask ask deny allow deny", id="protected pair"),
        pytest.param("Write", "edit", "/etc/hosts", "ask! ask! deny ask! deny!", id="system"),
        pytest.param("Write", "edit", "/home/you/x", "ask! ask! deny ask! deny!", id="somebody else's"),
        pytest.param("Write", "edit", "/", "ask! ask! deny ask! deny!", id="the root"),
        pytest.param("Write", "edit", "/var/tmp/x", "ask ask deny allow deny", id="scratch space"),
        pytest.param("Bash", "execute", "make", "ask ask deny allow deny", id="command"),
        pytest.param("Bash", "execute", "ls", "allow allow allow allow allow", id="looking command"),
        pytest.param("Other", "execute", "", "ask ask deny allow deny", id="a tool that runs something"),
        pytest.param("WebFetch", "fetch", "https://x.org", "ask ask ask allow deny", id="fetch"),
        pytest.param("TodoWrite", "note", "", "allow allow allow allow allow", id="note"),
        pytest.param("mcp__s__t", None, "", "ask ask deny allow deny", id="tool of a server"),
        pytest.param("mcp__s__t", "execute", "mcp__s__t", "ask ask deny allow deny", id="it may do anything"),
        pytest.param("mcp__s__t", "fetch", "mcp__s__t", "ask ask ask allow deny", id="it says that it only looks"),
        pytest.param("Agent", None, "", "allow allow allow allow allow", id="agent"),
    ],
)
def test_mode_decides(tool: str, effect: Effect | None, target: str, expected: str) -> None:
    on = ground(DrawnPaths(links={"/repo/link": "/srv/x"}))

    assert " ".join(judged(call(tool, effect, target, mode=mode), None, on) for mode in MODES) == expected


@pytest.mark.parametrize(
    ("allow", "tool", "effect", "target", "expected"),
    [
        pytest.param("Read", "Read", "read", "/srv/x", "allow", id="whole tool"),
        pytest.param("Read", "Grep", "read", "/srv/x", "allow", id="Read for Grep"),
        pytest.param("Edit", "Read", "read", "/srv/x", "allow", id="who may edit may read"),
        pytest.param("Edit", "Write", "edit", "/repo/x", "allow", id="Edit for Write"),
        pytest.param("Edit", "Write", "edit", "/repo/.git/x", "ask", id="not what is protected"),
        pytest.param("Edit(.git/x)", "Write", "edit", "/repo/.git/x", "allow", id="but what a rule names"),
        pytest.param("Edit(**)", "Write", "edit", "/repo/.git/x", "ask", id="not what it only covers"),
        pytest.param("Edit", "Write", "edit", "/etc/x", "ask!", id="not the system"),
        pytest.param("Edit(//etc/**)", "Write", "edit", "/etc/x", "allow", id="but where a rule names it"),
        pytest.param("Edit(//**)", "Write", "edit", "/etc/x", "ask!", id="not where it only covers it"),
        pytest.param("Edit(src/**)", "Write", "edit", "/repo/src/x", "allow", id="path"),
        pytest.param("Edit(src/**)", "Write", "edit", "/repo/src/../x", "ask", id="path by a detour"),
        pytest.param("Edit(src/**)", "Write", "edit", "/repo/src/link", "ask", id="link: both ends"),
        pytest.param(
            "Edit(src/**) ; Edit(//srv/x)", "Write", "edit", "/repo/src/link", "allow", id="link: both allowed"
        ),
        pytest.param("Edit(src/**)", "Write", "edit", "/repo/src/shared", "ask", id="file with other names"),
        pytest.param("Edit", "Write", "edit", "/repo/src/shared", "allow", id="file with other names, whole tool"),
        pytest.param("Write(src/**)", "Write", "edit", "/repo/src/x", "allow", id="Write's own rule"),
        pytest.param("Write(src/**)", "Edit", "edit", "/repo/src/x", "ask", id="Write's rule is not for Edit"),
        pytest.param("Read(//srv/**)", "Read", "read", "/srv/x", "allow", id="read outside"),
        pytest.param("Read(//srv/**)", "Edit", "edit", "/srv/x", "ask", id="reading is not editing"),
        pytest.param("Edit(//srv/**)", "Read", "read", "/srv/x", "allow", id="editing is reading"),
        pytest.param("WebFetch", "WebFetch", "fetch", "https://x.org", "allow", id="every address"),
        pytest.param("mcp__s", "mcp__s__t", None, "", "allow", id="server"),
        pytest.param("mcp__s__*", "mcp__s__t", None, "", "allow", id="server's tools"),
        pytest.param("mcp__s__t", "mcp__s__u", None, "", "ask", id="another tool"),
        pytest.param("Other", "Other", "execute", "x", "allow", id="a tool that runs something"),
    ],
)
def test_allow_rule_decides(allow: str, tool: str, effect: Effect | None, target: str, expected: str) -> None:
    facts = DrawnPaths(links={"/repo/src/link": "/srv/x"}, names={"/repo/src/shared": 2})

    assert judged(call(tool, effect, target), rules(allow=allow), ground(facts)) == expected


@pytest.mark.parametrize(
    ("deny", "tool", "effect", "target"),
    [
        pytest.param("Read(.env)", "Read", "read", "/repo/.env", id="read"),
        pytest.param("Read(.env)", "Grep", "read", "/repo/.env", id="Grep"),
        pytest.param("Read(.env)", "Edit", "edit", "/repo/.env", id="who may not read may not edit"),
        pytest.param("Read(.env)", "Write", "edit", "/repo/sub/.env", id="at any depth"),
        pytest.param("Read(.env)", "Read", "read", "/srv/.env", id="anywhere"),
        pytest.param("Read(.env)", "Read", "read", "/repo/link", id="through a link"),
        pytest.param("Read(link)", "Read", "read", "/repo/link", id="the link itself"),
        pytest.param("Read(.env)", "Read", "read", "/proc/self/cwd/.env", id="by /proc"),
        pytest.param("Edit(src/**)", "apply_patch", "edit", "/repo/src/x", id="patch"),
        pytest.param("Edit(src/**)", "Write", "edit", "/repo/sub/src/x", id="a directory at any depth"),
        pytest.param("Write(src/**)", "Write", "edit", "/repo/src/x", id="Write's own rule"),
        pytest.param("Write", "Write", "edit", "/repo/src/x", id="whole tool"),
        pytest.param("Read(file_path:*secret*)", "Read", "read", "/repo/secret", id="parameter"),
        pytest.param("Web*", "WebFetch", "fetch", "https://x.org", id="star"),
        pytest.param("mcp__*", "mcp__s__t", None, "", id="every server"),
        pytest.param("Agent(explore)", "Task", None, "", id="agent by its former tool"),
        pytest.param("Skill(deploy *)", "Skill", None, "", id="skill"),
        pytest.param("mcp__s__t(n:3)", "mcp__s__t", None, "", id="a server's parameter"),
    ],
)
def test_deny_rule_holds_in_every_mode(deny: str, tool: str, effect: Effect | None, target: str) -> None:
    arguments = {"file_path": target, "subagent_type": "explore", "skill": "/deploy", "args": "now", "n": 3}
    on = ground(DrawnPaths(links={"/repo/link": "/repo/.env"}))

    for mode in MODES:
        assert judged(call(tool, effect, target, mode=mode, **arguments), rules(deny=deny, allow=tool), on) == "deny"


@pytest.mark.parametrize(
    ("deny", "tool", "arguments"),
    [
        pytest.param("Agent(explore)", "Agent", {"subagent_type": "other"}, id="another agent"),
        pytest.param("Agent(explore)", "Agent", {}, id="no agent named"),
        pytest.param("Skill(deploy)", "Skill", {"skill": "deploy", "args": ""}, id=""),
        pytest.param("Skill(deploy *)", "Skill", {"command": "deployed"}, id="another skill"),
        pytest.param("mcp__s__t(n:3)", "Agent", {"n": 3}, id="another tool"),
    ],
)
def test_deny_rule_for_another_name_says_nothing(deny: str, tool: str, arguments: dict[str, Any]) -> None:
    expected = "deny" if deny == "Skill(deploy)" else "allow"

    assert judged(call(tool, **arguments), rules(deny=deny)) == expected


@pytest.mark.parametrize(
    ("behaviour", "rule", "url", "expected"),
    [
        pytest.param("allow", "x.org", "https://x.org/y?z", "allow", id="host"),
        pytest.param("allow", "x.org", "http://X.ORG:8080/", "allow", id="capitals and port"),
        pytest.param("allow", "x.org", "https://x.org./", "allow", id="trailing dot"),
        pytest.param("allow", "x.org", "https://a.x.org/", "ask", id="no subdomain"),
        pytest.param("allow", "*.x.org", "https://a.x.org/", "allow", id="subdomains by a star"),
        pytest.param("allow", "*.x.org", "https://x.org/", "ask", id="and not the domain"),
        pytest.param("allow", "x.org", "https://x.org.evil.net/", "ask", id="a longer name"),
        pytest.param("allow", "x.org", "https://x.org@evil.net/", "ask", id="a user of that name"),
        pytest.param("allow", "x.org", "https://evil.net/x.org", "ask", id="a path of that name"),
        pytest.param("allow", "x.org", "https://evil.net\\@x.org/", "ask", id="a backslash"),
        pytest.param("allow", "x.org", "https://x.org\t.evil.net/", "ask", id="a tab"),
        pytest.param("allow", "x.org", "x.org/path", "allow", id="no scheme"),
        pytest.param("allow", "x.org", "https://[::1", "ask", id="no address at all"),
        pytest.param("allow", "xn--bcher-kva.de", "https://bücher.de/", "allow", id="other letters"),
        pytest.param("deny", "x.org", "https://a.b.x.org/", "deny", id="denied with its subdomains"),
        pytest.param("deny", "x.org", "https://X.org./", "deny", id="denied in any spelling"),
        pytest.param("ask", "x.org", "https://x.org/", "ask", id="asked about"),
    ],
)
def test_host_decides(behaviour: str, rule: str, url: str, expected: str) -> None:
    text = f"WebFetch(domain:{rule})"
    ruleset = (
        rules(allow=text)
        if behaviour == "allow"
        else rules(deny=text if behaviour == "deny" else "", ask=text if behaviour == "ask" else "", allow="WebFetch")
    )

    assert judged(call("WebFetch", "fetch", url), ruleset) == expected


def test_a_judgement_names_rule_source_and_every_part() -> None:
    judgement = judge(bash("ls; make x && npm y"), rules(allow="Bash(make *)"), ground())

    assert judgement == Judgement(
        outcome="ask",
        reason="no rule allows npm",
        parts=(
            Part(text="ls", outcome="allow", reason="only looks"),
            Part(
                text="make x",
                outcome="allow",
                reason="the rule Bash(make *) allows it",
                rule="Bash(make *)",
                source="settings.json",
            ),
            Part(text="npm y", outcome="ask", reason="no rule allows npm"),
        ),
    )


def test_the_strictest_access_decides() -> None:
    both = call("apply_patch", "edit", "/repo/a.py", "/repo/.git/x", mode="acceptEdits")

    judgement = judge(both, rules(), ground())

    assert (answer(judgement), judgement.reason) == (
        "ask",
        ".git is protected: what stands there runs or steers programs later",
    )


def test_patterns_start_where_the_project_is_and_not_where_the_shell_went() -> None:
    assert judged(bash("cat ../.env", cwd="/repo/src"), rules(deny="Read(./.env)")) == "deny"
    assert judged(bash("cat c.py", cwd="/repo/src"), rules(deny="Read(./c.py)")) == "allow"


def test_a_file_system_that_folds_case_folds_rules() -> None:
    ruleset = rules(deny="Read(.env)", folds_case=True)

    assert judged(bash("cat .ENV"), ruleset, ground(folds_case=True)) == "deny"


def test_additional_directories_are_inside() -> None:
    on = ground(additional=("/srv/other",))

    assert [judged(call("Read", "read", path), None, on) for path in ("/srv/other/x", "/srv/otherwise/x")] == [
        "allow",
        "ask",
    ]
    assert judged(bash("rm -rf /srv/other", "bypassPermissions"), None, on) == "ask!"


def test_a_granted_rule_is_added_to_the_others() -> None:
    from tianting.permissions.rule_text import RuleLine

    wider = rules(deny="Bash(rm *)").with_lines(RuleLine(text="Bash(make *)", behaviour="allow", source="this session"))

    assert [judged(bash("make x"), wider), judged(bash("rm x"), wider)] == ["allow", "deny"]
