"""What the program writes, read and changed by the session functions of `claude-agent-sdk`; then read by us again."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from claude_agent_sdk import (
    InMemorySessionStore,
    SDKSessionInfo,
    delete_session,
    fork_session,
    get_session_info,
    get_session_messages,
    get_session_messages_from_store,
    import_session_to_store,
    list_sessions,
    list_subagents,
    rename_session,
    tag_session,
)

from tests.end_to_end.stage import Line, Stage, body, is_event, playing
from tianting.models.scripted import Reply, calls, says

pytestmark = pytest.mark.anyio

SESSION = "5d000000-0000-4000-8000-000000000001"
LOOK = (
    says("I look.", calls("Read", file_path="a.txt"), calls("Bash", command="echo hi")),
    says("It holds one line."),
    says("Nothing more."),
    says("Nothing at all."),
)


@pytest.fixture(autouse=True)
def our_home(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell the SDK that ours is the directory of Claude Code."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(stage.home))


async def hold(stage: Stage, *prompts: str, replies: tuple[Reply, ...] = LOOK, session: str = SESSION) -> list[Line]:
    """Say `prompts` one after the other. Gives back what was last sent to the model."""
    stage.write("a.txt", "the line\n")
    async with playing(*replies) as server:
        stage.toward(server)
        for prompt in prompts:
            known = any(path.stem == session for path in stage.transcripts())
            where = ("-r", session) if known else ("--session-id", session)
            ended = await stage.run("-p", prompt, *where, "--allowedTools", "Bash")
            assert (ended.code, ended.stderr) == (0, "")
        messages: list[Line] = body(server)["messages"]
    return messages


async def listed(stage: Stage) -> list[Line]:
    ended = await stage.run("sessions", "--json")
    return [msgspec.json.decode(line) for line in ended.stdout.splitlines()]


def spoken(messages: list[Any]) -> list[tuple[str, list[str]]]:
    """Who said which kinds of block; words as they are."""
    return [(message.type, _kinds(message.message["content"])) for message in messages]


def _kinds(content: str | list[Line]) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [block["text"] if block["type"] == "text" else block["type"] for block in content]


def words_sent(messages: list[Line]) -> list[str]:
    return [block["text"] for message in messages for block in message["content"] if block["type"] == "text"]


async def test_session_is_described(stage: Stage) -> None:
    await hold(stage, "What is in a.txt?")

    facts, first = stage.transcript.stat(), msgspec.json.decode(stage.transcript.read_bytes().splitlines()[0])
    expected = SDKSessionInfo(
        session_id=SESSION,
        summary="What is in a.txt?",
        last_modified=int(facts.st_mtime * 1000),
        file_size=facts.st_size,
        custom_title="What is in a.txt?",
        first_prompt="What is in a.txt?",
        git_branch=first["gitBranch"],
        cwd=str(stage.project),
        tag=None,
        created_at=int(datetime.fromisoformat(first["timestamp"]).timestamp() * 1000),
    )
    assert first["gitBranch"]
    assert list_sessions() == list_sessions(str(stage.project)) == [expected]
    assert get_session_info(SESSION) == get_session_info(SESSION, str(stage.project)) == expected


async def test_newest_session_is_listed_first(stage: Stage) -> None:
    other = SESSION[:-1] + "2"
    await hold(stage, "First.")
    await hold(stage, "Second.", session=other)

    assert [info.session_id for info in list_sessions(str(stage.project))] == [other, SESSION]
    assert [info.session_id for info in list_sessions(limit=1, offset=1)] == [SESSION]


async def test_messages_come_in_order_with_their_results(stage: Stage) -> None:
    await hold(stage, "What is in a.txt?", "And else?")

    messages = get_session_messages(SESSION)

    assert spoken(messages) == [
        ("user", ["What is in a.txt?"]),
        ("assistant", ["I look."]),
        ("assistant", ["tool_use"]),
        ("assistant", ["tool_use"]),
        ("user", ["tool_result"]),
        ("user", ["tool_result"]),
        ("assistant", ["It holds one line."]),
        ("user", ["And else?"]),
        ("assistant", ["Nothing more."]),
    ]
    assert get_session_messages(SESSION, str(stage.project), limit=2, offset=7) == messages[7:]
    assert {message.session_id for message in messages} == {SESSION}
    assert list_subagents(SESSION) == []


async def test_session_goes_into_a_store_as_it_is(stage: Stage) -> None:
    await hold(stage, "What is in a.txt?")
    store = InMemorySessionStore()

    await import_session_to_store(SESSION, store, directory=str(stage.project))

    stored = await get_session_messages_from_store(store, SESSION, str(stage.project))
    assert stored == get_session_messages(SESSION)


async def test_fork_goes_on(stage: Stage) -> None:
    await hold(stage, "What is in a.txt?")
    before = stage.transcript.read_bytes()

    fork = fork_session(SESSION, str(stage.project)).session_id
    sent = await hold(stage, "And else?", session=fork)

    assert words_sent(sent)[-4:] == ["What is in a.txt?", "I look.", "It holds one line.", "And else?"]
    assert [line["title"] for line in await listed(stage)] == ["What is in a.txt? (fork)", "What is in a.txt?"]
    assert spoken(get_session_messages(fork))[:7] == spoken(get_session_messages(SESSION))
    assert spoken(get_session_messages(fork))[7:] == [("user", ["And else?"]), ("assistant", ["Nothing more."])]
    assert next(path for path in stage.transcripts() if path.stem == SESSION).read_bytes() == before


async def test_fork_up_to_a_message_forgets_the_rest(stage: Stage) -> None:
    await hold(stage, "What is in a.txt?", "And else?")
    answer = get_session_messages(SESSION)[6]

    fork = fork_session(SESSION, up_to_message_id=answer.uuid, title="Another way").session_id
    sent = await hold(stage, "Or?", session=fork)

    assert words_sent(sent)[-2:] == ["It holds one line.", "Or?"]
    assert (await listed(stage))[0]["title"] == "Another way"


async def test_fork_of_what_we_forked(stage: Stage) -> None:
    await hold(stage, "What is in a.txt?")
    async with playing(*LOOK) as server:
        stage.toward(server)
        await stage.run("-p", "And else?", "-r", SESSION, "--fork-session")
    ours = stage.transcripts()[-1].stem

    theirs = fork_session(ours).session_id

    assert spoken(get_session_messages(theirs)) == spoken(get_session_messages(ours))


async def test_name_given_outside_is_ours_and_stays(stage: Stage) -> None:
    await hold(stage, "What is in a.txt?")

    rename_session(SESSION, "  The line ", str(stage.project))
    assert [line["title"] for line in await listed(stage)] == ["The line"]

    await hold(stage, "And else?")
    assert [line["title"] for line in await listed(stage)] == ["The line"]
    assert [info.summary for info in list_sessions()] == ["The line"]


async def test_name_given_while_the_session_works_stays(stage: Stage) -> None:
    async with playing(says("Slowly. " * 20, times=1), says("Later.")) as server:
        stage.toward(server)
        lines = ("--output-format", "stream-json", "--verbose", "--include-partial-messages")
        async with stage.running("-p", "Speak.", "--session-id", SESSION, *lines, stdout=-1) as program:
            await program.line(is_event("content_block_delta"))
            rename_session(SESSION, "Meanwhile")
            tag_session(SESSION, "slow")
            assert (await program.ended()).code == 0

    [line] = await listed(stage)
    assert (line["title"], line["tag"]) == ("Meanwhile", "slow")
    [info] = list_sessions()
    assert (info.summary, info.tag) == ("Meanwhile", "slow")


async def test_tag_is_listed_until_it_is_taken_away(stage: Stage) -> None:
    await hold(stage, "What is in a.txt?")

    tag_session(SESSION, "line")
    assert "  What is in a.txt?  #line\n" in (await stage.run("sessions")).stdout
    await hold(stage, "And else?")
    assert [info.tag for info in list_sessions()] == ["line"]

    tag_session(SESSION, None)
    await hold(stage, "And then?")
    assert ([info.tag for info in list_sessions()], [line["tag"] for line in await listed(stage)]) == ([None], [""])


async def test_deleted_session_is_gone_with_its_outputs(stage: Stage) -> None:
    long = (says("", calls("Bash", command="seq 1 30000")), says("Counted."))
    await hold(stage, "Count far.", replies=long)
    spilled = stage.transcript.with_suffix("")
    assert list((spilled / "tool-results").iterdir())

    delete_session(SESSION)

    assert (list_sessions(), await listed(stage), spilled.exists(), stage.transcripts()) == ([], [], False, [])
