"""Whatever a client writes, the session ends in order: no traceback, no hang, and one answer to each request.

`make fuzz` runs the same tests with many more inputs.
"""

import os
from collections import Counter
from typing import Any

import anyio
import msgspec
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.surfaces.stream_json.stage import Stage, on_stage
from tianting.models.scripted import Reply, calls, says
from tianting.protocol.errors import ProtocolError

INPUTS = int(os.environ.get("FUZZ_INPUTS", "200"))
many = settings(max_examples=INPUTS, deadline=None, suppress_health_check=[HealthCheck.too_slow])

IDS = st.sampled_from(["a", "b", "c"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
PROMPTS = st.fixed_dictionaries(
    {
        "type": st.just("user"),
        "message": st.fixed_dictionaries({"role": st.just("user"), "content": st.text(max_size=5)}),
    },
    optional={
        "uuid": IDS,
        "priority": st.sampled_from(["now", "next", "later"]),
        "shouldQuery": st.booleans(),
    },
)
REQUESTS = st.one_of(
    st.sampled_from(
        [
            {"subtype": "initialize", "hooks": None},
            {"subtype": "interrupt"},
            {"subtype": "interrupt", "cancel_queued": True},
            {"subtype": "mcp_status"},
            {"subtype": "mcp_reconnect", "serverName": "a"},
            {"subtype": "mcp_toggle", "serverName": "a"},
            {"subtype": "set_model", "model": "x"},
            {"subtype": "set_permission_mode", "mode": "plan"},
            {"subtype": "set_permission_mode", "mode": "none"},
            {"subtype": "rewind_files", "user_message_id": "a"},
            {"subtype": "get_context_usage"},
            {"subtype": "get_binary_version"},
            {"subtype": "background_tasks"},
            {"subtype": "unheard_of"},
        ]
    ),
    st.builds(lambda uuid: {"subtype": "cancel_async_message", "message_uuid": uuid}, IDS),
)
ANSWERS = st.builds(
    lambda number, subtype: {"type": "control_response", "response": {"subtype": subtype, "request_id": f"id{number}"}},
    st.integers(0, 20),
    st.sampled_from(["success", "error"]),
)
ODDITIES = st.sampled_from(
    [
        {"type": "keep_alive"},
        {"type": "update_environment_variables", "variables": {"A": "1"}},
        {"type": "control_cancel_request", "request_id": "never"},
        {"type": "unheard_of"},
    ]
)
LINES = st.one_of(PROMPTS, REQUESTS, ANSWERS, ODDITIES)
BROKEN = st.one_of(
    st.binary(max_size=30),
    JSON.map(msgspec.json.encode),
    st.dictionaries(st.sampled_from(["type", "request", "request_id", "response", "message"]), JSON).map(
        msgspec.json.encode
    ),
    LINES.map(msgspec.json.encode).flatmap(lambda line: st.integers(0, len(line)).map(lambda end: line[:end])),
)
PAUSES = st.integers(1, 40)
"""While a client takes a breath, the session goes on for so many steps."""


def replies() -> tuple[Reply, ...]:
    return (says("", calls("Ask", text="-")), says("Yes."), says("", calls("Upper", text="-"), calls("Ask", text="-")))


async def served(inputs: list[Any]) -> tuple[Stage, Counter[str]]:
    """A session after all of `inputs`, and how often each request was answered."""
    async with on_stage(*replies() * 2, longest_line=500) as stage:
        stage.controls.hold.set()
        for number, given_ in enumerate(inputs):
            match given_:
                case int():
                    for _ in range(given_):
                        await checkpoint()
                case bytes():
                    stage.input.write(given_)
                case {"subtype": _}:
                    stage.ask(given_, f"r{number}")
                case _:
                    stage.say(given_)
    answered = [line["response"]["request_id"] for line in stage.wire.lines if line["type"] == "control_response"]
    return stage, Counter(answered)


@given(st.lists(LINES | PAUSES, max_size=12))
@many
def test_each_request_has_one_answer_and_each_prompt_one_end(inputs: list[Any]) -> None:
    stage, answered = anyio.run(served, inputs)

    assert stage.failure is None
    requests = {f"r{number}" for number, line in enumerate(inputs) if isinstance(line, dict) and "subtype" in line}
    assert answered == Counter(requests)
    ends = [kind for kind in stage.kinds() if kind.endswith((" completed", " cancelled"))]
    begins = [kind for kind in stage.kinds() if kind.endswith(" queued")]
    assert sorted(kind.split()[0] for kind in ends) == sorted(kind.split()[0] for kind in begins)
    assert stage.connection.link.open_questions == ()


@given(st.lists(st.one_of(BROKEN, BROKEN.map(lambda line: line + b"\n"), LINES, PAUSES), max_size=12))
@many
def test_whatever_comes_ends_in_order(inputs: list[Any]) -> None:
    stage, answered = anyio.run(served, inputs)

    assert stage.failure is None or isinstance(stage.failure, ProtocolError)
    assert (stage.code in {0, 1}) == (stage.failure is None)
    assert stage.wire.data == b"" or stage.wire.data.endswith(b"\n")
    assert set(answered.values()) <= {1}
    assert stage.connection.link.open_questions == ()
