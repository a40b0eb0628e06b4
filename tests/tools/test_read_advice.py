"""The small judgements behind Read's advice: near names, outlines, kinds of file."""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.tools.reading.magic_bytes import FileKind, kind_of
from tianting.tools.reading.missing_path import distance, similar_paths
from tianting.tools.reading.python_outline import Definition, definitions, outline
from tianting.tools.workspace import Workspace


@pytest.mark.parametrize(
    ("asked", "found", "expected"),
    [
        pytest.param("a.py", "a.py", 0, id="same"),
        pytest.param("config.yml", "Config.yaml", 1, id="other suffix and case"),
        pytest.param("read-file.py", "read_file.py", 1, id="dash for underscore"),
        pytest.param("cfg.py", "config.py", 5, id="shortened"),
        pytest.param("user.py", "users.py", 3, id="plural"),
        pytest.param("recieve.py", "receive.py", 20, id="typing error"),
        pytest.param("a.py", "b.py", None, id="nothing but the suffix in common"),
        pytest.param("main.py", "domain_registry_of_everything.py", None, id="a small part of a long name"),
        pytest.param("zebra.py", "config.py", None, id="unlike"),
    ],
)
def test_distance_of_names(asked: str, found: str, expected: int | None) -> None:
    assert distance(asked, found) == expected


@given(st.text(max_size=12), st.text(max_size=12))
def test_distance_takes_any_names(asked: str, found: str) -> None:
    assert (distance(asked, found) == 0) == (asked == found)


def test_nearest_names_come_first_and_no_more_than_three(tmp_path: Path) -> None:
    for name in ("config.toml", "config.yml", "configs.yml", "sub/config.yml", "other.yml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert similar_paths(Workspace(tmp_path), "config.yml") == ["config.yml", "sub/config.yml", "config.toml"]


SOURCE = """import os

@decorated
class Job(
    Base,
):
    x = 1

    def method(self): ...

# a comment
def run(
    a,
) -> None:
    return

if True:
    pass
async def last(): ...
"""


def test_definitions_of_a_module() -> None:
    assert list(definitions(SOURCE.split("\n"))) == [
        Definition(kind="class", name="Job", first=4, last=11),
        Definition(kind="def", name="run", first=12, last=15),
        Definition(kind="def", name="last", first=19, last=19),
    ]


def test_outline_lists_what_ends_behind_the_page() -> None:
    many = [f"def f{number}(): ..." for number in range(20)]

    assert outline(SOURCE.split("\n"), after=13) == "def run 12-15, def last 19-19"
    assert outline(SOURCE.split("\n"), after=19) == ""
    assert outline(many, after=0).endswith("def f11 12-12 and 8 more")


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["class A:\n    x = 1\n", "def f(\n    a,\n):\n    pass\n", "y = 2\n", "\n"])))
def test_definitions_agree_with_the_parser(parts: list[str]) -> None:
    source = "".join(parts)
    parsed = [
        (node.name, node.lineno, node.end_lineno)
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]

    assert [(found.name, found.first, found.last) for found in definitions(source.split("\n"))] == parsed


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(b"", FileKind(form="text"), id="empty"),
        pytest.param(b"%PDF-1.7", FileKind(form="pdf"), id="PDF"),
        pytest.param(b"MZ is a text", FileKind(form="text"), id="two letters are no proof"),
        pytest.param(b"MZ\0\0", FileKind(form="binary", name="Windows executable"), id="executable"),
        pytest.param(
            b"n".ljust(257, b"\0") + b"ustar",
            FileKind(form="binary", name="tar archive", look="tar -tvf {}"),
            id="signature further on",
        ),
    ],
)
def test_kind_of_file(head: bytes, expected: FileKind) -> None:
    assert kind_of(head) == expected
