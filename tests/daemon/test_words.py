"""What clients say is understood, or they are told what is wrong and what is allowed."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.daemon.words import (
    Ask,
    BadRequest,
    Configure,
    Hold,
    Request,
    Switch,
    TellStatus,
    id_of,
    read_request,
)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        pytest.param(b'{"command":"/codex-ask","question":"why?"}', Ask(question="why?"), id="a question"),
        pytest.param(b'{"command":"/codex-ask why so?"}', Ask(question="why so?"), id="a question in the command"),
        pytest.param(
            b'{"command":"/codex-ask","question":"q","conversation":"c","cwd":"/w","id":"1","timeout":2,"stream":true}',
            Ask(question="q", conversation="c", cwd="/w", id="1", timeout=2.0, stream=True),
            id="all that a question can have",
        ),
        pytest.param(b'{"command":"/codex-config high"}', Configure(effort="high"), id="an effort"),
        pytest.param(b'{"command":"/codex-config","value":"XHIGH"}', Configure(effort="xhigh"), id="in any case"),
        pytest.param(b'{"command":"/codex-config","question":"low"}', Configure(effort="low"), id="as a question"),
        pytest.param(b'{"command":"/codex-config"}', Configure(), id="what is it now"),
        pytest.param(b'{"command":"/codex-config default"}', Configure(effort="default"), id="as configured"),
        pytest.param(b'{"command":"/codex-reasoning on"}', Switch(what="reasoning", on=True), id="on"),
        pytest.param(b'{"command":"/codex-reasoning","value":true}', Switch(what="reasoning", on=True), id="true"),
        pytest.param(b'{"command":"/codex-final_only OFF"}', Switch(what="final_only", on=False), id="off"),
        pytest.param(b'{"command":"/codex-final_only"}', Switch(what="final_only"), id="is it on"),
        pytest.param(b' {"command":" /codex-status "}\r', TellStatus(), id="spaces around"),
        pytest.param(b'{"command":"/codex-hold"}', Hold(), id="hold"),
    ],
)
def test_request(line: bytes, request_: Request) -> None:
    assert read_request(line) == request_


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param(b"hello", "A request is one JSON object on one line", id="no JSON"),
        pytest.param(b"\x00\xff\xfe", "A request is one JSON object on one line", id="binary"),
        pytest.param(b'{"command":', "The request cannot be read", id="half of one"),
        pytest.param(b'{"command":"\xff"}', "The request cannot be read", id="not UTF-8"),
        pytest.param(b"{}", "missing required field `command`", id="no command"),
        pytest.param(b'{"command":"/codex-status","x":1}', "unknown field `x`. Fields: `command`", id="extra"),
        pytest.param(b'{"command":"/codex-ask","question":7}', "Expected `str | null`, got `int`", id="wrong type"),
        pytest.param(b'{"command":"/codex-ask","question":" "}', "/codex-ask needs a question", id="empty question"),
        pytest.param(b'{"command":"codex-ask"}', "Did you mean /codex-ask?", id="no slash"),
        pytest.param(b'{"command":"/codex-zzz"}', "Commands: /codex-ask, /codex-config", id="no such command"),
        pytest.param(b'{"command":"/codex-config huge"}', "it takes minimal, low, medium, high", id="no such effort"),
        pytest.param(b'{"command":"/codex-config","value":true}', "does not know True", id="effort true"),
        pytest.param(b'{"command":"/codex-reasoning maybe"}', "it takes on or off", id="neither on nor off"),
        pytest.param(b'{"command":"/codex-ask a","timeout":0}', "`timeout` must be above 0", id="no time"),
        pytest.param(b'{"command":"/codex-ask a","timeout":1e9}', "at most 86400 seconds", id="too much time"),
        pytest.param(b'{"command":"/codex-ask a","cwd":"x"}', "`cwd` must be a path that begins", id="relative"),
        pytest.param(b'{"command":"/codex-ask a","conversation":""}', "`conversation` must be 1 to 200", id="no name"),
        pytest.param(b'{"command":"/codex-ask a","id":"a\\nb"}', "`id` must be 1 to 200 printable", id="odd id"),
        pytest.param(b'{"command":' + b"[" * 5_000, "The request cannot be read", id="deep"),
    ],
)
def test_bad_request(line: bytes, told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_request(line)

    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "id_"),
    [
        pytest.param(b'{"command":"/x","id":"7"}', "7", id="there"),
        pytest.param(b'{"id":7}', None, id="of another type"),
        pytest.param(b"nonsense", None, id="unreadable"),
    ],
)
def test_id_of_what_is_refused(line: bytes, id_: str | None) -> None:
    assert id_of(line) == id_


@settings(max_examples=100)
@given(st.binary(max_size=200) | st.builds(msgspec.json.encode, st.dictionaries(st.text(), st.text())))
def test_any_line_is_a_request_or_is_refused(line: bytes) -> None:
    try:
        read_request(line)
    except BadRequest as refused:
        assert str(refused)  # noqa: PT017 - either is right
