"""Only problems that the edit brought are news."""

from pathlib import PurePath

import pytest

from tianting.tools.editing.syntax_check import new_problem


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        pytest.param("a.py", "x = 1\n", "x = 2\n", "", id="fine"),
        pytest.param("a.py", "x = 1\n", "\nx = (\n", "line 2: '(' was never closed", id="broken"),
        pytest.param("a.py", "", "def f(:\n", "line 1: invalid syntax", id="new file"),
        pytest.param("a.py", "x = (\n", "x = [\n", "", id="broken before"),
        pytest.param("a.py", "x = (\n", "x = 1\n", "", id="mended"),
        pytest.param("a.py", "", r"x = '\d'", "", id="a warning is no problem"),
        pytest.param("a.py", "", "x = '\0'", "source code string cannot contain null bytes", id="null"),
        pytest.param("a.py", "", "x = " + "-" * 100_000 + "1", "nested too deeply", id="too deep"),
        pytest.param("a.py", "", "x = '\udce9'", "'utf-8' codec can't encode", id="stray byte"),
        pytest.param("a.pyi", "", "def f(: ...", "line 1: invalid syntax", id="stub"),
        pytest.param("a.json", "{}", '{\n"a": 1,\n}', "line 3: JSON is malformed", id="json"),
        pytest.param("a.json", "", '{"a": 1', "Input data was truncated", id="json cut off"),
        pytest.param("a.json", "// x\n{}", "// y\n{}", "", id="json with comments before"),
        pytest.param("a.json", "", "[" * 100_000, "nested too deeply", id="json too deep"),
        pytest.param("a.js", "", "x = (", "", id="another language"),
        pytest.param("a.py", "", "(" * 500_001, "", id="too large to look at"),
    ],
)
def test_new_problem(name: str, before: str, after: str, expected: str) -> None:
    problem = new_problem(PurePath(name), before, after)

    assert problem.startswith(expected)
    assert bool(problem) == bool(expected)
