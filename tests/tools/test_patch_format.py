"""The text of a patch, as written well and as written almost well."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.tools.contract import ToolFailed
from tianting.tools.editing.patch_format import AddFile, DeleteFile, Mark, PatchHunk, Section, UpdateFile, parse_patch

BODY = "*** Update File: a.py\n@@ def f\n a\n-b\n+c\n"
PARSED = UpdateFile(
    path="a.py", move_to=None, hunks=(PatchHunk(anchors=("def f",), lines=((" ", "a"), ("-", "b"), ("+", "c"))),)
)


def patch(body: str) -> str:
    return f"*** Begin Patch\n{body}*** End Patch\n"


def update(*hunks: PatchHunk, move_to: str | None = None) -> tuple[Section, ...]:
    return (UpdateFile(path="a.py", move_to=move_to, hunks=hunks),)


def hunk(*lines: tuple[Mark, str], anchors: tuple[str, ...] = (), at_end: bool = False) -> PatchHunk:
    return PatchHunk(anchors=anchors, lines=lines, at_end=at_end)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(patch(BODY), (PARSED,), id="update"),
        pytest.param(patch("*** Add File: a b.md\n+x\n+\n"), (AddFile(path="a b.md", text="x\n\n"),), id="add"),
        pytest.param(patch("*** Add File: a\n"), (AddFile(path="a", text=""),), id="add an empty file"),
        pytest.param(
            patch("*** Add File: a\n+x\n\n+y\n\n"),
            (AddFile(path="a", text="x\n\ny\n"),),
            id="add with bare blank lines",
        ),
        pytest.param(patch("*** Delete File: a\n"), (DeleteFile(path="a"),), id="delete"),
        pytest.param(
            patch("*** Delete File: a\n\n*** Delete File: b\n"),
            (DeleteFile(path="a"), DeleteFile(path="b")),
            id="blank between",
        ),
        pytest.param(patch("*** Update File: a.py\n*** Move to: b.py\n"), update(move_to="b.py"), id="move alone"),
        pytest.param(patch("*** Update File: a.py\n-b\n+c\n"), update(hunk(("-", "b"), ("+", "c"))), id="no @@"),
        pytest.param(
            patch("*** Update File: a.py\n@@\n-b\n@@\n+c\n"), update(hunk(("-", "b")), hunk(("+", "c"))), id="bare @@"
        ),
        pytest.param(
            patch("*** Update File: a.py\n@@ class A\n@@   def f\n-b\n"),
            update(hunk(("-", "b"), anchors=("class A", "def f"))),
            id="two anchors",
        ),
        pytest.param(
            patch("*** Update File: a.py\n@@ -1,2 +1,3 @@ def f\n-b\n"),
            update(hunk(("-", "b"), anchors=("def f",))),
            id="ranges of a unified diff",
        ),
        pytest.param(patch("*** Update File: a.py\n@@ -1 +1 @@\n-b\n"), update(hunk(("-", "b"))), id="ranges alone"),
        pytest.param(
            patch("*** Update File: a.py\n@@ def f @@\n-b\n"),
            update(hunk(("-", "b"), anchors=("def f",))),
            id="closed anchor",
        ),
        pytest.param(
            patch("*** Update File: a.py\n-b\n*** End of File\n"),
            update(hunk(("-", "b"), at_end=True)),
            id="end of file",
        ),
        pytest.param(
            patch("*** Update File: a.py\n a\n\n-b\n"),
            update(hunk((" ", "a"), (" ", ""), ("-", "b"))),
            id="bare blank context",
        ),
        pytest.param(
            patch("*** Update File: a.py\n-b\n\\ No newline at end of file\n"),
            update(hunk(("-", "b"))),
            id="note of a unified diff",
        ),
        pytest.param(
            patch("*** Update File: a.py\n\n@@ x\n a\n@@\n-b\n"), update(hunk(("-", "b"))), id="hunks without change"
        ),
        pytest.param(
            patch("*** Update File: a.py\n-*** End Patch\n+*** x\n"),
            update(hunk(("-", "*** End Patch"), ("+", "*** x"))),
            id="stars in content",
        ),
        pytest.param(patch(BODY).replace("\n", "\r\n"), (PARSED,), id="crlf"),
        pytest.param("```\n" + patch(BODY) + "```\n", (PARSED,), id="in a fence"),
        pytest.param("apply_patch <<'EOF'\n" + patch(BODY) + "EOF\n", (PARSED,), id="in a shell command"),
        pytest.param(patch(BODY).removesuffix("\n"), (PARSED,), id="no final newline"),
        pytest.param(patch(BODY.replace("a.py", "a.py  ")), (PARSED,), id="blanks behind a name"),
    ],
)
def test_parsed(text: str, expected: tuple[Section, ...]) -> None:
    assert parse_patch(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", r"The patch has no line '\*\*\* Begin Patch'", id="empty"),
        pytest.param(
            "*** Begin Patch\n" + BODY, r"ends without \*\*\* End Patch, so it may have been cut off", id="cut off"
        ),
        pytest.param(patch(""), "The patch names no file", id="no file"),
        pytest.param(patch("-b\n"), "Here must stand .*; line 2 of the patch is '-b'", id="no header"),
        pytest.param(patch("*** Rename File: a\n"), "Here must stand .*; line 2 of the patch", id="unknown header"),
        pytest.param(
            patch("*** Add File: a\nx\n"), r"Every line of an added file begins with \+; line 3", id="added without +"
        ),
        pytest.param(
            patch("*** Update File: a\n@@\nx\n"),
            "Lines of a hunk begin with .*; line 4 of the patch is 'x'",
            id="no mark",
        ),
        pytest.param(patch("*** Update File: a\n\\ x\n"), "Lines of a hunk begin with", id="backslash"),
        pytest.param(patch("*** Update File: a\n@@ x\n"), "A hunk needs lines", id="anchor alone"),
        pytest.param(patch("*** Delete File: a\nx\n"), "Here must stand", id="text behind delete"),
        pytest.param(patch(BODY) + patch(BODY), r"There are files behind \*\*\* End Patch", id="two patches"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=message) as failure:
        parse_patch(text)
    assert len(str(failure.value).encode()) <= 600


LINES = st.lists(
    st.sampled_from(
        [
            "*** Update File: a",
            "*** Add File: b",
            "@@ x",
            " a",
            "+b",
            "-c",
            "",
            "\\",
            "*** End of File",
            "*** End Patch",
            "x",
        ]
    ),
    max_size=12,
)


@given(LINES)
@settings(max_examples=100, deadline=None)
def test_any_text_is_parsed_or_refused(lines: list[str]) -> None:
    try:
        sections = parse_patch("\n".join(["*** Begin Patch", *lines]))
    except ToolFailed:
        return
    assert sections
