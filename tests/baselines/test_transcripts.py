"""Transcripts of other days and other agents still open."""

from pathlib import Path

import pytest

from tianting.protocol.content import AssistantBlock, Text, Thinking, ToolResult, ToolUse
from tianting.protocol.messages import AssistantMessage, Message, StopReason, UserMessage, user_text
from tianting.protocol.usage import Usage
from tianting.session.conversation import Conversation
from tianting.session.history import UNFINISHED
from tianting.session.reading import load
from tianting.session.summary import summarise

TRANSCRIPTS = Path(__file__).parent / "transcripts"
OPUS = "claude-opus-5-5"
USAGE = Usage(
    input_tokens=4,
    output_tokens=60,
    cache_creation_input_tokens=900,
    cache_read_input_tokens=12_000,
    cache_creation_1h_input_tokens=900,
)


def result(call_id: str, content: str | tuple[Text, ...], *, is_error: bool = False) -> UserMessage:
    return UserMessage(content=(ToolResult(tool_use_id=call_id, content=content, is_error=is_error),))


def bash(call_id: str, command: str) -> ToolUse:
    return ToolUse(id=call_id, name="Bash", input={"command": command})


def answer(name: str, *blocks: AssistantBlock, stop_reason: StopReason = "end_turn") -> AssistantMessage:
    usage = Usage(input_tokens=4, output_tokens=6)
    return AssistantMessage(id=name, model=OPUS, content=blocks, stop_reason=stop_reason, usage=usage)


AFTER_KEEPING: list[Message] = [
    user_text("So far: two wheels, three cogs.", meta=True),
    user_text("And the levers?"),
    answer("msg_43", Text(text="One lever.")),
    user_text("<local-command-caveat>Not for the model.</local-command-caveat>", meta=True),
    user_text("<command-name>/compact</command-name>"),
    user_text("<local-command-stdout>Compacted</local-command-stdout>"),
    user_text("How many parts in all?"),
    answer("msg_44", Text(text="Six parts.")),
]


def test_session_with_sub_agent_parallel_calls_and_remarks() -> None:
    task = {"description": "spring", "prompt": "Look at the spring.", "subagent_type": "Explore"}
    assert load(TRANSCRIPTS / "claude-code-2.1.jsonl") == Conversation(
        session_id="7d1f6c1e-52a3-4c57-9b1a-3f0f5c6f9a10",
        history=[
            user_text("Why does the carry lever stick?"),
            AssistantMessage(
                id="msg_01",
                model=OPUS,
                content=(
                    Thinking(thinking="The lever and its spring.", signature="c2ln"),
                    Text(text="I look at the lever and its spring."),
                    ToolUse(id="toolu_01", name="Read", input={"file_path": "/home/ada/engine/lever.txt"}),
                    ToolUse(id="toolu_02", name="Task", input=task),
                ),
                usage=USAGE,
            ),
            result("toolu_01", "     1\tlever: bent"),
            result("toolu_02", (Text(text="It is worn."), Text(text="[tool_reference left out]"))),
            AssistantMessage(
                id="msg_03",
                model=OPUS,
                content=(Text(text="The lever is bent and the spring is worn."),),
                usage=USAGE,
            ),
            user_text("<local-command-stdout>3 rules</local-command-stdout>"),
            user_text("Mend the spring."),
        ],
        leaf="7d1f6c1e-0000-4000-8000-000000000017",
        cwd="/home/ada/engine",
        title="Sticking carry lever",
        model=OPUS,
        tag="engine",
        permission_mode="acceptEdits",
    )


def test_session_that_was_compacted_and_cut_in_a_call() -> None:
    assert load(TRANSCRIPTS / "claude-code-compacted.jsonl") == Conversation(
        session_id="8e2a7d2f-52a3-4c57-9b1a-3f0f5c6f9a11",
        history=[
            user_text("So far: the engine was oiled.", meta=True),
            user_text("Now turn the handle."),
            AssistantMessage(id="msg_13", model=OPUS, content=(bash("toolu_12", "turn"),), usage=USAGE),
            result("toolu_12", UNFINISHED, is_error=True),
        ],
        leaf="7d1f6c1e-0000-4000-8000-000000000008",
        cwd="/home/ada/engine",
        title="Oil and turn",
        titled_by_person=True,
        model=OPUS,
    )


def test_session_of_an_early_writer_with_damage() -> None:
    sonnet = "claude-sonnet-4-5"
    both = (Text(text="One."), bash("toolu_21", "echo 2"), bash("toolu_22", "echo 3"))
    assert load(TRANSCRIPTS / "early.jsonl") == Conversation(
        session_id="9f3b8e30-52a3-4c57-9b1a-3f0f5c6f9a12",
        history=[
            user_text("Count to three."),
            AssistantMessage(id="e2", model=sonnet, content=both),
            result("toolu_21", "2"),
            result("toolu_22", "3"),
            AssistantMessage(id="e4", model=sonnet, content=(Text(text="Three."),)),
        ],
        leaf="e4",
        cwd="/home/ada/engine",
        title="Count to three.",
        model=sonnet,
        damaged_lines=1,
    )


def test_session_whose_compaction_kept_the_last_exchange() -> None:
    assert load(TRANSCRIPTS / "claude-code-compacted-keeping.jsonl") == Conversation(
        session_id="6a1f6c1e-52a3-4c57-9b1a-3f0f5c6f9a13",
        history=AFTER_KEEPING,
        leaf="5a000000-0000-4000-8000-000000000018",
        cwd="/home/ada/engine",
        title="Count the wheels in @wheels.txt.",
        tag="parts",
        model=OPUS,
        permission_mode="default",
    )


def test_copy_of_it_by_a_client_that_gave_new_names() -> None:
    assert load(TRANSCRIPTS / "forked-by-a-client.jsonl") == Conversation(
        session_id="6a3f6c1e-52a3-4c57-9b1a-3f0f5c6f9a15",
        history=AFTER_KEEPING,
        leaf="6b000000-0000-4000-8000-000000000018",
        cwd="/home/ada/engine",
        title="Count the wheels (fork)",
        titled_by_person=True,
        model=OPUS,
        permission_mode="default",
    )


def test_session_that_was_steered_interrupted_and_killed_in_a_call() -> None:
    oil_thinly = (bash("toolu_52", "oil --thin"), bash("toolu_53", "oil --thin"))
    assert load(TRANSCRIPTS / "claude-code-steered.jsonl") == Conversation(
        session_id="6a2f6c1e-52a3-4c57-9b1a-3f0f5c6f9a14",
        history=[
            user_text("Oil the engine."),
            user_text("A hook adds:\nIt is Tuesday.", meta=True),
            user_text("The user names the directory /home/ada/engine/oils, which held:\nthin\nthick", meta=True),
            answer("msg_51", bash("toolu_51", "oil --all"), stop_reason="tool_use"),
            result("toolu_51", "oiling"),
            user_text("/home/ada/engine/oils/CLAUDE.md says:\nWipe first.", meta=True),
            user_text("Thin oil only."),
            user_text("<task-notification>A job ended.</task-notification>", meta=True),
            answer("msg_52", oil_thinly[0], stop_reason="tool_use"),
            result("toolu_52", "The person stopped this call.", is_error=True),
            user_text("[Request interrupted by user for tool use]"),
            user_text("Go on."),
            answer("msg_53", Thinking(thinking="", signature="c2ln"), oil_thinly[1], stop_reason="tool_use"),
            result("toolu_53", UNFINISHED, is_error=True),
        ],
        leaf="5a000000-0000-4000-8000-000000000015",
        cwd="/home/ada/engine",
        title="Oiling day",
        titled_by_person=True,
        model=OPUS,
        permission_mode="default",
    )


@pytest.mark.parametrize(
    ("name", "title"),
    [
        pytest.param("claude-code-2.1.jsonl", "Sticking carry lever", id="today"),
        pytest.param("claude-code-compacted.jsonl", "Oil and turn", id="compacted"),
        pytest.param("claude-code-compacted-keeping.jsonl", "Count the wheels in @wheels.txt.", id="keeping"),
        pytest.param("claude-code-steered.jsonl", "Oiling day", id="steered"),
        pytest.param("forked-by-a-client.jsonl", "Count the wheels (fork)", id="forked"),
        pytest.param("early.jsonl", "Count to three.", id="early"),
    ],
)
def test_lists_show_them(name: str, title: str) -> None:
    summary = summarise(TRANSCRIPTS / name)

    assert summary is not None
    assert (summary.title, summary.cwd) == (title, "/home/ada/engine")
