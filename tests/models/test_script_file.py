"""A script file is read whole, or the one line of the error says what to mend and where."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tianting.models.script_file import load_script
from tianting.models.scripted import Call, Reply, Script
from tianting.models.scripted_faults import Fault
from tianting.protocol.errors import ConfigError
from tianting.protocol.usage import Usage

FULL = """
title: Mend a test
repeat_last: true
replies:
  - text: Let me look.
    thinking: Where to begin?
    calls:
      - tool: Read
        input: {file_path: a.py}
        id: call-1
      - {tool: Bash, raw: '{"command": '}
    delay: 0.5
    chunk: 5
    pause: 0.01
    usage: {input_tokens: 10, output_tokens: 2}
  - fault: {kind: status, status: 429, retry_after: 2}
    times: 3
  - text: Done.
    when: "assert .* == 2"
    stop_reason: max_tokens
"""


def written(directory: Path, text: str) -> Path:
    path = directory / "script.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_a_script_can_say(tmp_path: Path) -> None:
    assert load_script(written(tmp_path, FULL)) == Script(
        title="Mend a test",
        repeat_last=True,
        replies=(
            Reply(
                text="Let me look.",
                thinking="Where to begin?",
                calls=(
                    Call(tool="Read", input={"file_path": "a.py"}, id="call-1"),
                    Call(tool="Bash", raw='{"command": '),
                ),
                delay=0.5,
                chunk=5,
                pause=0.01,
                usage=Usage(input_tokens=10, output_tokens=2),
            ),
            Reply(fault=Fault(kind="status", status=429, retry_after=2), times=3),
            Reply(text="Done.", when="assert .* == 2", stop_reason="max_tokens"),
        ),
    )


def test_merge_keys_save_writing(tmp_path: Path) -> None:
    text = "replies:\n  - &slow {text: a, pause: 0.1}\n  - {<<: *slow, text: b}\n"

    script = load_script(written(tmp_path, text))

    assert script.replies == (Reply(text="a", pause=0.1), Reply(text="b", pause=0.1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", ": is empty; a script needs `replies`", id="empty"),
        pytest.param("title: x", ":1: `script`: Object missing required field `replies`", id="no replies"),
        pytest.param(
            "replies: []\nreplay: 1",
            ":2: unknown key `replay`; allowed: replies, repeat_last, title",
            id="unknown key of the script",
        ),
        pytest.param(
            "replies:\n- text: a\n- text: b\n  calls:\n  - {tool: Read, args: {}}",
            ":5: unknown key `args`; allowed: tool, input, id, raw",
            id="unknown key of a call",
        ),
        pytest.param(
            "replies:\n- usage:\n    tokens: 3",
            ":3: unknown key `tokens`; allowed: input_tokens, output_tokens, cache_creation_input_tokens, "
            "cache_read_input_tokens, cache_creation_1h_input_tokens, thinking_tokens",
            id="unknown key of the usage",
        ),
        pytest.param(
            "replies:\n- fault:\n    kind: explode",
            ":3: `kind`: Invalid enum value 'explode'; allowed: status, garbage_html, hang_before_headers, "
            "hang_mid_stream, truncate, disconnect, malformed, stream_error, drip",
            id="unknown fault",
        ),
        pytest.param("replies:\n- text: a\n  chunk: 0", ":3: `chunk`: Expected `int` >= 1", id="number out of range"),
        pytest.param("replies:\n- text: [a]", ":2: `text`: Expected `str`, got `array`", id="wrong type"),
        pytest.param("replies: hello", ":1: `replies`: Expected `array`, got `str`", id="no list"),
        pytest.param(
            "replies:\n- when: '('",
            ":2: `replies`: `when` is no regular expression: missing ), unterminated subpattern at position 0",
            id="bad expression",
        ),
        pytest.param(
            "replies:\n- text: 'a",
            ":2: no YAML: while scanning a quoted scalar",
            id="bad YAML",
        ),
    ],
)
def test_mistake_is_named_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        load_script(path)

    assert str(caught.value).startswith(f"{path}{words}")
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent.yaml: cannot be read: No such file"):
        load_script(tmp_path / "absent.yaml")


def test_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="no YAML"):
        load_script(tmp_path / "script.yaml")


printable = st.text(st.characters(max_codepoint=0xD7FF, exclude_categories=["Cc", "Zl", "Zp"]), max_size=20)
replies = st.builds(
    Reply,
    text=printable,
    times=st.integers(1, 9),
    calls=st.lists(
        st.builds(Call, tool=printable, input=st.dictionaries(printable, st.integers() | printable, max_size=3)),
        max_size=2,
    ).map(tuple),
    fault=st.none()
    | st.builds(Fault, kind=st.sampled_from(["drip", "truncate"]), retry_after=st.none() | st.just(1.5)),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.builds(Script, replies=st.lists(replies, max_size=3).map(tuple), title=printable))
def test_script_written_as_json_is_read_back(tmp_path: Path, script: Script) -> None:
    path = written(tmp_path, msgspec.json.encode(script).decode())

    assert load_script(path) == script
