"""Grep with both of its programs over the same trees: what one finds, the other must find."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.protocol.tool_calls import Access, ToolOutput
from tianting.tools.contract import AnyTool, ToolFailed
from tianting.tools.grep import Grep, GrepParameters
from tianting.tools.searching import run as search_run
from tianting.tools.searching.backends import GitGrep, Ripgrep, SearchBackend
from tianting.tools.searching.captured_process import Captured, captured
from tianting.tools.searching.grep_results import GrepOutput
from tianting.tools.searching.regex_advice import bad_regex, has_escaped_newline, stray_brace
from tianting.tools.searching.scope import SearchScope
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio

needs_ripgrep = pytest.mark.skipif(shutil.which("rg") is None, reason="ripgrep is not installed")
BOTH = [pytest.param(Ripgrep(), id="ripgrep", marks=needs_ripgrep), pytest.param(GitGrep(), id="git")]


async def grep(root: Path, backend: SearchBackend | None = None, /, **arguments: Any) -> ToolOutput:
    parameters = msgspec.convert(arguments, GrepParameters)
    tool = Grep(Workspace(root), (backend,)) if backend else Grep(Workspace(root))
    with anyio.fail_after(10):
        return await tool.run(parameters)


async def text(root: Path, backend: SearchBackend | None = None, /, **arguments: Any) -> str:
    content = (await grep(root, backend, **arguments)).content
    assert isinstance(content, str)
    return content


async def failure(root: Path, backend: SearchBackend | None = None, /, **arguments: Any) -> str:
    with pytest.raises(ToolFailed) as caught:
        await grep(root, backend, **arguments)
    assert len(str(caught.value).encode()) <= 600
    return str(caught.value)


FILES: dict[str, str | bytes] = {
    "src/a.py": "import os\n\ndef foo():\n    return fooBar\n",
    "src/b.ts": "const foo = 1\r\nexport foo\r\n",
    "src/deep/c.py": "foo\nbar\nbaz\nfoo again\n",
    "src/deep/[id]/page.tsx": "foo page\n",
    "tests/test_a.py": "foo\n",
    ".github/workflows/ci.yml": "name: foo\n",
    "ignored/x.py": "foo\n",
    "ignored/nested/y.py": "foo\n",
    "kept.log": "foo\n",
    "nested/.gitignore": "*.txt\n!keep.txt\n",
    "nested/drop.txt": "foo\n",
    "nested/keep.txt": "foo\n",
    "sub/.ignore": "*.md\n",
    "sub/note.md": "foo ünï\n",
    "latin.txt": b"caf\xe9 foo\n",
    "binary.dat": b"foo\0foo\n",
    "utf16.txt": "foo\n".encode("utf-16"),
    "two\nlines.txt": "foo\n",
    "empty.txt": "",
    ".gitignore": "ignored/\n*.log\n",
    ".git/config": "foo\n",
    "vendor/lib/.git/config": "foo\n",
    "vendor/lib/lib.c": "foo\n",
}


def plant(root: Path) -> Path:
    for number, (name, content) in enumerate(FILES.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree outside of any repository, which yet has rules of what to ignore. Those above it are not its own."""
    (tmp_path / ".gitignore").write_text("*.py\n")
    shutil.rmtree(plant(tmp_path / "tree") / ".git")
    return tmp_path / "tree"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", root], check=True)
    (root / ".git/info/exclude").write_text("tests/\n")
    return plant(root)


QUESTIONS = [
    pytest.param({}, id="files"),
    pytest.param({"output_mode": "content"}, id="lines"),
    pytest.param({"output_mode": "count"}, id="counts"),
    pytest.param({"output_mode": "content", "-C": 1}, id="lines with context"),
    pytest.param({"output_mode": "content", "-B": 1, "-n": False}, id="lines before, without numbers"),
    pytest.param({"output_mode": "content", "-A": 9}, id="lines after, to the end"),
    pytest.param({"pattern": "FOO", "-i": True}, id="ignoring case"),
    pytest.param({"pattern": "foo$", "output_mode": "content"}, id="at the end of a line"),
    pytest.param({"pattern": r"^\w+ \w+$", "output_mode": "content"}, id="words of any language"),
    pytest.param({"pattern": "ÜNÏ", "-i": True, "output_mode": "content"}, id="case beyond ASCII"),
    pytest.param({"pattern": r"foo(?=\()", "output_mode": "content"}, id="look-ahead"),
    pytest.param({"pattern": r"foo\("}, id="escaped"),
    pytest.param({"pattern": "-foo|--foo"}, id="leading dash"),
    pytest.param({"glob": "*.py"}, id="glob for names"),
    pytest.param({"glob": "*.{py,ts}"}, id="glob with braces"),
    pytest.param({"glob": "*.py, *.ts"}, id="two globs"),
    pytest.param({"glob": "src/**"}, id="glob for a directory"),
    pytest.param({"glob": "src/"}, id="directory as glob"),
    pytest.param({"glob": "src/*.py"}, id="glob for one level"),
    pytest.param({"glob": "!*.py"}, id="glob that excludes"),
    pytest.param({"glob": "*.log"}, id="glob does not bring ignored files back"),
    pytest.param({"glob": "page.tsx"}, id="plain name"),
    pytest.param({"glob": "**/[id]/*"}, id="glob with brackets in a name"),
    pytest.param({"type": "py"}, id="type"),
    pytest.param({"type": "py", "glob": "test_*"}, id="type and glob"),
    pytest.param({"path": "src"}, id="directory"),
    pytest.param({"path": "src", "glob": "src/deep/*.py"}, id="glob from the root in a directory"),
    pytest.param({"path": "src", "glob": "deep/*.py"}, id="glob from a directory"),
    pytest.param({"path": "ignored"}, id="ignored directory asked for"),
    pytest.param({"path": "src/deep/c.py", "output_mode": "content"}, id="one file"),
    pytest.param({"path": "kept.log", "output_mode": "count"}, id="ignored file asked for"),
    pytest.param({"path": "two\nlines.txt", "output_mode": "content"}, id="file name of two lines"),
    pytest.param({"pattern": "nothing of it"}, id="no match"),
]


@needs_ripgrep
@pytest.mark.parametrize("question", QUESTIONS)
async def test_both_programs_give_the_same_answer(tree: Path, repository: Path, question: dict[str, Any]) -> None:
    arguments = {"pattern": "foo"} | question
    for root in (tree, repository, repository / "src"):
        if not (root / arguments.get("path", ".")).exists():
            continue
        assert await grep(root, Ripgrep(), **arguments) == await grep(root, GitGrep(), **arguments)


@pytest.mark.parametrize("backend", BOTH)
async def test_files_come_newest_first_without_what_is_ignored(tree: Path, backend: SearchBackend) -> None:
    names = (
        *("vendor/lib/lib.c", "two\\nlines.txt", "latin.txt", "sub/note.md", "nested/keep.txt"),
        *(".github/workflows/ci.yml", "tests/test_a.py", "src/deep/[id]/page.tsx", "src/deep/c.py"),
        *("src/b.ts", "src/a.py"),
    )

    assert await grep(tree, backend, pattern="foo") == ToolOutput(
        content="\n".join(names),
        data=GrepOutput(mode="files_with_matches", num_files=11, filenames=names),
    )


@pytest.mark.parametrize("backend", BOTH)
async def test_rules_of_the_repository_hold_in_its_directories(repository: Path, backend: SearchBackend) -> None:
    assert "tests/test_a.py" not in await text(repository, backend, pattern="foo")
    assert await text(repository / "sub", backend, pattern="foo") == "note.md"


@pytest.mark.parametrize("backend", BOTH)
async def test_lines_come_by_path_with_context_in_groups(tree: Path, backend: SearchBackend) -> None:
    output = await grep(tree, backend, **{"pattern": "foo|bar", "path": "src", "output_mode": "content", "-A": 1})

    assert output == ToolOutput(
        content=(
            "src/a.py:3: def foo():\nsrc/a.py:4:     return fooBar\n"
            "--\nsrc/b.ts:1: const foo = 1\nsrc/b.ts:2: export foo\n"
            "--\nsrc/deep/[id]/page.tsx:1: foo page\n"
            "--\nsrc/deep/c.py:1: foo\nsrc/deep/c.py:2: bar\nsrc/deep/c.py-3- baz\nsrc/deep/c.py:4: foo again"
        ),
        data=GrepOutput(mode="content", num_files=4, filenames=(), content=str(output.content), num_lines=9),
    )


@pytest.mark.parametrize("backend", BOTH)
async def test_counts_come_by_path_with_their_sum(tree: Path, backend: SearchBackend) -> None:
    output = await grep(tree, backend, pattern="foo", glob="*.py", output_mode="count")

    assert output == ToolOutput(
        content="src/a.py: 2\nsrc/deep/c.py: 2\ntests/test_a.py: 1\n[5 matching lines in 3 files]",
        data=GrepOutput(
            mode="count",
            num_files=3,
            filenames=(),
            content="src/a.py: 2\nsrc/deep/c.py: 2\ntests/test_a.py: 1",
            num_matches=5,
        ),
    )


def test_what_programs_get_is_in_their_spelling() -> None:
    output = GrepOutput(mode="content", num_files=1, filenames=(), content="x", num_lines=1, applied_limit=2)

    assert msgspec.to_builtins(output) == {
        "mode": "content",
        "numFiles": 1,
        "filenames": (),
        "content": "x",
        "numLines": 1,
        "appliedLimit": 2,
    }


@pytest.mark.parametrize(
    ("glob", "type_name", "names"),
    [
        pytest.param("", "", (), id="everything"),
        pytest.param("src/*.{py,ts}", "", ("*.py", "*.ts"), id="last segments"),
        pytest.param("*.py", "rust", ("*.py",), id="glob before type"),
        pytest.param("!*.py", "rust", ("*.rs",), id="type"),
        pytest.param("src/**", "", (), id="nothing gained"),
        pytest.param("*.py,[id]", "", (), id="characters that programs read differently"),
    ],
)
def test_first_sieve_lets_everything_in_scope_through(glob: str, type_name: str, names: tuple[str, ...]) -> None:
    assert SearchScope(glob, type_name).names == names


@needs_ripgrep
async def test_ripgrep_matches_across_lines(tree: Path) -> None:
    arguments = {"pattern": r"bar.baz$", "multiline": True, "output_mode": "content"}

    assert await text(tree, Ripgrep(), **arguments) == "src/deep/c.py:2: bar\nsrc/deep/c.py:3: baz"


async def test_without_ripgrep_matching_across_lines_is_refused_with_a_way_round(tree: Path) -> None:
    assert await failure(tree, GitGrep(), pattern=r"bar\nbaz", multiline=True) == (
        "multiline needs ripgrep (rg), which is not installed. "
        "Search for the first line alone, with -A for the lines below it."
    )
    assert await text(tree, GitGrep(), **{"pattern": "bar", "-A": 1, "output_mode": "content"}) == (
        "src/deep/c.py:2: bar\nsrc/deep/c.py-3- baz"
    )


class Absent:
    """A program that is not installed."""

    crosses_lines = True

    def __init__(self, *command: str) -> None:
        self._command = list(command)

    def command(self, search: object) -> list[str]:
        return self._command

    def lines(self, output: bytes) -> Any:
        raise AssertionError("it never wrote anything")


@pytest.mark.parametrize(
    "absent", [Absent("/nonexistent/rg"), Absent("sh", "-c", "exec /nonexistent/git 2>&-")], ids=["missing", "exit 127"]
)
async def test_next_program_steps_in_for_a_missing_one(tree: Path, absent: Absent) -> None:
    assert (
        await Grep(Workspace(tree), (absent, GitGrep())).run(GrepParameters(pattern="fooBar"))
    ).content == "src/a.py"
    assert await failure(tree, absent, pattern="foo") == (
        "Neither ripgrep nor git is installed. Search with Bash: grep -rnE."
    )


async def test_long_results_are_paged_by_their_own_advice(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("foo\n" * 1_904)

    first = (await text(tmp_path, pattern="foo", output_mode="content")).splitlines()
    last = (await text(tmp_path, pattern="foo", output_mode="content", offset=1_900)).splitlines()

    assert first[249:] == [
        "a.txt:250: foo",
        '[250 of 1,904 lines; narrow with glob="*.txt" or path, or go on with offset=250]',
    ]
    assert last == [
        *(f"a.txt:{number}: foo" for number in (1901, 1902, 1903, 1904)),
        '[1901-1904 of 1,904 lines; narrow with glob="*.txt" or path]',
    ]
    assert await text(tmp_path, pattern="foo", output_mode="content", offset=1_904) == (
        '[offset 1904 is past the end]\n[0 of 1,904 lines; narrow with glob="*.txt" or path]'
    )


async def test_page_keeps_to_its_bytes_and_lines_to_their_length(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"foo{'x' * 1_000}\n" * 100)

    page = await text(tmp_path, pattern="foo", output_mode="content", head_limit=0)

    assert len(page.encode()) <= 16_100
    assert page.splitlines()[0] == f"a.txt:1: foo{'x' * 497}… [line cut, 503 more characters]"
    assert page.splitlines()[-1].startswith("[29 of 100 lines;")


async def test_flood_of_results_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("foo\n" * 100_000)
    monkeypatch.setattr(search_run, "MAX_OUTPUT_BYTES", 50_000)

    assert " of more than " in (await text(tmp_path, pattern="foo", output_mode="content")).splitlines()[-1]


@pytest.mark.parametrize("backend", BOTH)
async def test_no_match_says_how_much_was_searched(tree: Path, backend: SearchBackend) -> None:
    output = await grep(tree, backend, pattern="fooBarBaz", path="src")

    assert output == ToolOutput(
        content='No match for "fooBarBaz" in 4 files under src/ (ignored files skipped). Try -i, or a shorter pattern.',
        data=GrepOutput(mode="files_with_matches", num_files=0, filenames=()),
    )
    assert await text(tree, backend, **{"pattern": "zzz", "-i": True, "path": "src/a.py"}) == (
        'No match for "zzz" in 1 files in src/a.py (ignored files skipped). Try a shorter pattern.'
    )


@pytest.mark.parametrize("backend", BOTH)
async def test_search_in_no_file_at_all_says_so(tree: Path, backend: SearchBackend) -> None:
    assert await text(tree, backend, pattern="foo", glob="*.jsx", type="js") == (
        'No text file under the root matches glob "*.jsx" and type "js" (ignored files skipped). '
        "Look with Glob what is there."
    )


@pytest.mark.parametrize("backend", BOTH)
@pytest.mark.parametrize(
    ("pattern", "expected", "mended"),
    [
        pytest.param("interface{", 'Bad regex at "{": escape it as "\\{".', r"interface\{", id="brace"),
        pytest.param("foo(", 'Bad regex at "(": escape it as "\\(".', r"foo\(", id="parenthesis"),
        pytest.param("[a-", 'Bad regex at "[": escape it as "\\[".', r"\[a-", id="class"),
        pytest.param("*foo", 'Bad regex at "*": escape it as "\\*".', r"\*foo", id="nothing to repeat"),
        pytest.param(r"\y", 'Bad regex at "\\y": for a backslash itself write "\\\\".', r"\\y", id="unknown escape"),
    ],
)
async def test_bad_regex_shows_the_place_and_the_advice_mends_it(
    tree: Path, backend: SearchBackend, pattern: str, expected: str, mended: str
) -> None:
    (tree / "code.txt").write_text("interface{ foo( [a- *foo \\y\n")

    assert await failure(tree, backend, pattern=pattern) == expected
    assert await text(tree, backend, pattern=mended, glob="code.txt") == "code.txt"


def test_complaint_nobody_can_place_is_passed_on() -> None:
    assert bad_regex("x{3,1}", "fatal: -e option, 'x{3,1}': numbers out of order\n").startswith("Bad regex")
    assert bad_regex("ok", "fatal: detected dubious ownership.\n") == 'Bad regex "ok": detected dubious ownership.'
    assert bad_regex("ok", "") == 'Bad regex "ok": it cannot be compiled.'


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("a{2}b{3,}c{1,4}", None, id="repetitions"),
        pytest.param(r"\{ \p{L} \x{41}", None, id="escapes"),
        pytest.param("[{] [^]{]", None, id="classes"),
        pytest.param("a{x}", 1, id="braces around a word"),
        pytest.param(r"\\{", 2, id="behind an escaped backslash"),
        pytest.param("{,3}", 0, id="no lower bound"),
    ],
)
def test_stray_brace(pattern: str, expected: int | None) -> None:
    assert stray_brace(pattern) == expected


@settings(max_examples=100)
@given(st.text(st.sampled_from("a{}[]()\\n^,1*|:"), max_size=12))
def test_advice_takes_any_pattern(pattern: str) -> None:
    assert stray_brace(pattern) is None or pattern[stray_brace(pattern) or 0] == "{"
    assert bad_regex(pattern, "").startswith("Bad regex")
    assert not has_escaped_newline(pattern) or "\\n" in pattern


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({"pattern": ""}, "pattern is empty. To list files use Glob.", id="empty pattern"),
        pytest.param(
            {"pattern": "a\0b"},
            "pattern holds a NUL character; text files have none. Binary ones: Bash, grep -aP.",
            id="NUL",
        ),
        pytest.param(
            {"pattern": "a\nb"},
            "The pattern holds a line end: set multiline=true, or search for one line.",
            id="line end",
        ),
        pytest.param(
            {"pattern": r"a[\n]b"},
            "The pattern holds a line end: set multiline=true, or search for one line.",
            id="escaped line end",
        ),
        pytest.param(
            {"pattern": "a", "path": "binary.dat"},
            "binary.dat is no text file. Search it with Bash: strings, or grep -a.",
            id="binary",
        ),
        pytest.param(
            {"pattern": "a", "glob": "{a,b}" * 7},
            f'The braces of "**/{"{a,b}" * 7}" give too many patterns; send several calls.',
            id="braces without end",
        ),
    ],
)
async def test_question_without_an_answer_is_refused(tree: Path, arguments: dict[str, str], expected: str) -> None:
    assert await failure(tree, **arguments) == expected


async def test_unknown_type_lists_the_known_ones(tree: Path) -> None:
    advice = await failure(tree, pattern="foo", type="tsx")

    assert advice.startswith('No type "tsx". Use glob="*.tsx", or one of: bash, c, ')
    assert await text(tree, pattern="foo", glob="*.tsx") == "src/deep/[id]/page.tsx"


async def test_missing_path_names_similar_ones(tree: Path) -> None:
    assert await failure(tree, pattern="foo", path="src/dep") == (
        f"No file or directory src/dep (root {tree}). Similar: src/deep."
    )


async def test_loop_of_symlinks_cannot_be_searched(tree: Path) -> None:
    (tree / "loop").symlink_to("loop")

    assert await failure(tree, pattern="foo", path="loop") == (
        "Cannot search loop: too many levels of symbolic links. Choose another path."
    )


class Endless(Absent):
    """A program that leaves its number and never ends."""

    def __init__(self, pid_file: Path) -> None:
        super().__init__("sh", "-c", f"echo $$ >{pid_file}; exec sleep 60")


async def test_search_without_end_is_stopped(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_run, "TIME_LIMIT", 0.3)
    pid_file = tree / "pid"

    assert await failure(tree, Endless(pid_file), pattern="foo") == (
        "Searched 0.3 s without an end. Narrow the search with path or glob."
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


async def test_counting_gives_up_before_it_costs_time(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_run, "COUNT_LIMIT", 0)

    assert await text(tree, pattern="zzz") == (
        'No match for "zzz" under the root (ignored files skipped). Try -i, or a shorter pattern.'
    )


async def test_only_the_beginning_of_errors_is_kept(tree: Path) -> None:
    with anyio.fail_after(5):
        done = await captured(["sh", "-c", "head -c 300000 /dev/zero >&2; echo out"], tree, limit=100)

    assert done == Captured(output=b"out\n", errors="\0" * 8_192, exit_code=0, cut=False)


async def test_errors_of_a_talkative_program_do_not_block_it(tree: Path) -> None:
    talker = Absent("sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x >&2; exit 2")

    assert await failure(tree, talker, pattern="foo") == 'Bad regex "foo": it cannot be compiled.'


def test_access_is_what_is_searched_and_where_a_link_leads(tree: Path) -> None:
    (tree / "link").symlink_to(tree / "src")
    tool: AnyTool = Grep(Workspace(tree))

    assert tool.accesses(GrepParameters(pattern="x", path="link")) == (
        Access(effect="read", target=str(tree / "link")),
        Access(effect="read", target=str(tree / "src")),
    )
    assert tool.accesses(GrepParameters(pattern="x")) == (Access(effect="read", target=str(tree)),)
