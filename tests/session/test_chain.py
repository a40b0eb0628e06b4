"""Which lines count, drawn as `uuid<parent`; `!` marks an assistant's, `~` a sub-agent's, `>` a lone result."""

import re

import pytest

from tianting.session.chain import chain_of
from tianting.session.lines import Line

_LINE = re.compile(r"(\w+)<(\w*)([!~>]?)")


def drawn(text: str) -> list[Line]:
    found = (_LINE.fullmatch(word) for word in text.split())
    return [line(*match.groups()) for match in found if match]


def line(uuid: str, parent: str, mark: str) -> Line:
    results = [{"type": "tool_result", "tool_use_id": "c"}]
    return Line(
        type="assistant" if mark == "!" else "user",
        uuid=uuid,
        parent_uuid=parent or None,
        is_sidechain=mark == "~",
        message={"id": uuid[0], "content": results if mark == ">" else "words"},
    )


@pytest.mark.parametrize(
    ("lines", "chain"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("u< a<u! v<a", "u a v", id="straight"),
        pytest.param("u< a<u! v<a b<v! w<a", "u a w", id="rewound: the newest branch counts"),
        pytest.param("u< a<u! x<a~ y<x~", "u a", id="a sub-agent's lines"),
        pytest.param("u< a<u! u<", "u a", id="the same line twice"),
        pytest.param("u< a<u! u< v<gone", "u a v", id="the same line twice, then damage"),
        pytest.param("u< v<gone w<v", "u v w", id="a parent is damaged"),
        pytest.param("v<gone w<v", "v w", id="the first parent is damaged"),
        pytest.param("u<w v<u w<v", "u v w", id="a circle"),
        pytest.param("u< a1<u! a2<a1! r1<a1> r2<a2> v<r2", "u a1 a2 r1 r2 v", id="results beside the walk"),
        pytest.param("u< a1<u! a2<a1! r2<a2> r1<a1>", "u a1 a2 r2 r1", id="end beside the rest of its answer"),
        pytest.param("u< a1<u! a2<a1! r1<a1> r2<r1> v<a2", "u a1 a2 r1 r2 v", id="results that hang on each other"),
        pytest.param("u< a<u! b<a! v<a", "u a v", id="an abandoned answer is another's"),
        pytest.param("u< a<u! v<a w<a b<w!", "u a w b", id="an abandoned prompt is no result"),
    ],
)
def test_chain(lines: str, chain: str) -> None:
    assert " ".join(str(line.uuid) for line in chain_of(drawn(lines)).lines) == chain


def test_next_line_hangs_on_the_newest_that_speaks() -> None:
    lines = [*drawn("u< a<u!"), Line(type="attachment", uuid="x", parent_uuid="a"), Line(type="summary")]

    assert chain_of(lines).leaf == "a"


def test_words_that_hang_on_the_last_line_end_the_conversation() -> None:
    queued = Line(type="attachment", uuid="q", parent_uuid="u", attachment={"type": "queued_command", "prompt": "Go."})

    assert chain_of([*drawn("u<"), queued]).leaf == "q"


def test_remark_between_two_lines_links_them() -> None:
    lines = [*drawn("u<"), Line(type="progress", uuid="p", parent_uuid="u"), *drawn("a<p!")]

    assert [line.uuid for line in chain_of(lines).lines] == ["u", "p", "a"]


def test_chain_reaches_back_beyond_a_compaction() -> None:
    boundary = Line(type="system", subtype="compact_boundary", uuid="b", logical_parent_uuid="a")
    lines = [*drawn("u< a<u! x<u"), boundary, *drawn("s<b")]

    assert [line.uuid for line in chain_of(lines).lines] == ["u", "a", "b", "s"]
