"""Rules of every level, in the program as it is installed: what they allow runs, and what they forbid does not."""

from typing import Any

import msgspec
import pytest

from tests.end_to_end.stage import Ended, Stage, body, playing
from tianting.models.scripted import Call, calls, says

pytestmark = pytest.mark.anyio

DONE = "Done."


def run_command(command: str) -> Call:
    return calls("Bash", command=command)


async def told(stage: Stage, call: Call, *arguments: str) -> tuple[Ended, str]:
    """How a session with one call ended, and what the model was told of the call."""
    async with playing(says("", call), says(DONE)) as server:
        stage.toward(server)
        ended = await stage.run("-p", "Go on.", "--output-format", "json", *arguments)
    assert (ended.code, ended.result["result"]) == (0, DONE)
    [result] = body(server)["messages"][-1]["content"]
    return ended, str(result["content"])


def denials(ended: Ended) -> list[Any]:
    return [denial["tool_input"] for denial in ended.result["permission_denials"]]


def settings(stage: Stage, name: str = "settings.json", **permissions: object) -> None:
    (stage.project / ".tianting").mkdir(exist_ok=True)
    stage.write(f".tianting/{name}", msgspec.json.encode({"permissions": permissions}).decode())


def own_settings(stage: Stage, **permissions: object) -> None:
    stage.home.mkdir(exist_ok=True)
    (stage.home / "settings.json").write_bytes(msgspec.json.encode({"permissions": permissions}))


@pytest.mark.parametrize("command", ["git status", "ls", "cat notes | head -1 && git log --oneline"])
async def test_what_only_looks_runs_unasked(stage: Stage, command: str) -> None:
    stage.write("notes", "x\n")

    ended, _ = await told(stage, run_command(command))

    assert (denials(ended), ended.stderr) == ([], "")


async def test_what_would_be_asked_is_refused_with_the_rule_that_would_help(stage: Stage) -> None:
    ended, result = await told(stage, run_command("make all"))

    assert denials(ended) == [{"command": "make all"}]
    assert result == (
        "Bash needs the user's permission (no rule allows make) and nobody can be asked here. Do not repeat it; "
        "choose another way, or say at the end what you would have run. The user can allow it: Bash(make all)"
    )


async def test_project_s_deny_rule_holds_untrusted_and_in_every_mode(stage: Stage) -> None:
    settings(stage, deny=["Bash(touch *)", "Edit(secret/**)"])

    ended, result = await told(stage, run_command("ls; touch x"), "--dangerously-skip-permissions")

    assert (denials(ended), (stage.project / "x").exists()) == ([{"command": "ls; touch x"}], False)
    assert result == ("Bash was not run: the rule Bash(touch *) forbids it. Choose another way; do not repeat it.")
    _, result = await told(stage, calls("Write", file_path="secret/x", content=""), "--permission-mode", "acceptEdits")
    assert "the rule Edit(secret/**) forbids it" in result


async def test_project_s_allow_rule_counts_once_it_is_trusted(stage: Stage) -> None:
    settings(stage, allow=["Bash(touch *)"])

    before, _ = await told(stage, run_command("touch x"))
    trusted = await stage.run("trust", "--yes")
    after, _ = await told(stage, run_command("touch x"))

    assert (trusted.code, trusted.stdout.splitlines()[-1]) == (0, "Trusted: 1 allow rule.")
    assert (len(denials(before)), len(denials(after)), (stage.project / "x").exists()) == (1, 0, True)
    [warning] = before.stderr.splitlines()
    assert "1 allow rule will not count until you trust this project: `tianting trust` shows them" in warning
    assert after.stderr == ""


async def test_ask_rule_asks_whatever_allows_it(stage: Stage) -> None:
    own_settings(stage, ask=["Bash(git status)"], allow=["Bash(git *)"])

    ended, result = await told(stage, run_command("git status"), "--dangerously-skip-permissions")

    assert len(denials(ended)) == 1
    assert "the rule Bash(git status) wants it asked" in result
    assert "The user can allow it" not in result


async def test_rules_of_the_command_line(stage: Stage) -> None:
    ended, _ = await told(stage, run_command("touch x"), "--allowedTools", "Read,Bash(touch x)")
    refused, result = await told(
        stage, run_command("touch y"), "--allowedTools", "Bash", "--disallowedTools", "Bash(touch y)"
    )

    assert (denials(ended), len(denials(refused))) == ([], 1)
    assert "the rule Bash(touch y) forbids it" in result


@pytest.mark.parametrize("command", ["rm -rf /", "rm -rf ~", "cd / && rm -rf *"])
async def test_what_nothing_lifts_asks_where_everything_is_allowed(stage: Stage, command: str) -> None:
    own_settings(stage, allow=["Bash", f"Bash({command})"])
    ended = await stage.run("permissions", "explain", command, "--json", "--mode", "bypassPermissions")
    assert (ended.result["decision"], ended.result["fixed"]) == ("ask", True)


async def test_root_is_not_removed_with_every_permission(stage: Stage) -> None:
    # `echo` in front: should the check ever fail, nothing is lost but the test.
    command = 'rm() { echo "$@"; }; rm -rf /'

    ended, result = await told(stage, run_command(command), "--dangerously-skip-permissions")

    assert denials(ended) == [{"command": command}]
    assert "nobody can be asked here" in result


@pytest.mark.parametrize("path", [".git/hooks/pre-commit", ".tianting/settings.json", ".envrc"])
async def test_protected_file_is_asked_about_where_edits_are_allowed(stage: Stage, path: str) -> None:
    write = calls("Write", file_path=path, content="x")

    ended, result = await told(stage, write, "--permission-mode", "acceptEdits")
    free, _ = await told(stage, calls("Write", file_path="free", content="x"), "--permission-mode", "acceptEdits")

    assert (len(denials(ended)), "is protected" in result, (stage.project / path).exists()) == (1, True, False)
    assert (denials(free), (stage.project / "free").exists()) == ([], True)


@pytest.mark.parametrize(
    "flag",
    [
        pytest.param(("--dangerously-skip-permissions",), id="skip"),
        pytest.param(("--permission-mode", "bypassPermissions"), id="mode"),
    ],
)
async def test_mode_that_a_project_disables_is_refused(stage: Stage, flag: tuple[str, ...]) -> None:
    settings(stage, disableBypassPermissionsMode="disable")

    ended = await stage.run("-p", "Hi.", "--model", "scripted:none.json", *flag)

    assert (ended.code, ended.stdout) == (2, "")
    assert f"bypassPermissions is disabled by {stage.project}/.tianting/settings.json:1:" in ended.stderr


async def test_replay_tells_what_new_rules_would_change(stage: Stage) -> None:
    stage.write("notes", "x\n")
    allowed, _ = await told(stage, run_command("cat notes"))
    refused, _ = await told(stage, run_command("touch x"))
    own_settings(stage, deny=["Bash(cat *)"], allow=["Bash(touch *)"])

    first, second = [
        await stage.run("permissions", "explain", "--replay", ended.result["session_id"])
        for ended in (allowed, refused)
    ]

    assert first.stdout == "ran, now deny  Bash: cat notes    the rule Bash(cat *) forbids it\n"
    assert second.stdout == "was refused, now allow  Bash: touch x    the rule Bash(touch *) allows it\n"


async def test_replay_under_the_same_rules_finds_nothing(stage: Stage) -> None:
    ended, _ = await told(stage, run_command("touch x"))

    replayed = await stage.run("permissions", "explain", "--replay", ended.result["session_id"])

    assert replayed.stdout == "The present rules would decide every call as it was decided.\n"


async def test_thousands_of_questions_are_answered(stage: Stage) -> None:
    lines = [
        msgspec.json.encode({"tool": "Bash", "input": {"command": f"git log -n {number} && cat a{number}.py"}})
        for number in range(2_000)
    ]

    ended = await stage.run("permissions", "explain", "-", stdin=b"\n".join(lines))

    assert {line["decision"] for line in ended.lines} == {"allow"}
    assert len(ended.lines) == 2_000


async def test_tool_that_settings_deny_whole_is_not_offered(stage: Stage) -> None:
    settings(stage, deny=["Bash", "Read(.env)"])

    async with playing(says(DONE)) as server:
        stage.toward(server)
        await stage.run("-p", "Go on.")

    offered = {tool["name"] for tool in body(server)["tools"]}
    assert ("Bash" in offered, "Read" in offered) == (False, True)


async def test_hard_link_gets_the_answer_of_its_target(stage: Stage) -> None:
    settings(stage, deny=["Read(**/.env)"])
    (stage.project / "hard").hardlink_to(stage.write(".env", "hunter2"))

    _, read = await told(stage, calls("Read", file_path="hard"), "--dangerously-skip-permissions")
    explained = await stage.run("permissions", "explain", "cat hard", "--json")

    assert "hunter2" not in read
    assert (explained.result["decision"], explained.result["rule"]) == ("deny", "Read(**/.env)")
