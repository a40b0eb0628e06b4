"""Near misses of models, as a table: applied, shown, or refused, and never in a place that was guessed."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tianting.tools.editing.closest_block import ALIKE, closest_block
from tianting.tools.editing.matching import Found, Missing, Rung, Several, find
from tianting.tools.editing.replacement import replaced

JOB = "class Job:\n    def run(self):\n        start()\n        return 1\n\n    def stop(self):\n        return 2\n"
DEEP = "def f(x):\n    if x:\n        for y in x:\n            use(y)\n            keep(y)\n    return x\n"
GO = "func main() {\n\tif ok {\n\t\trun()\n\t\tstop()\n\t}\n}\n"
CRLF = "one\r\ntwo\r\nthree\r\n"
MIXED = "one\r\ntwo\nthree\r\nfour\n"
CURLY = "title = “It’s a test”\nrange = 1–2\nnote = ‘ok’\n"


def outcome(text: str, old: str, new: str) -> tuple[str, str] | str:
    """The rung and the new text; or why not."""
    match find(text, old, new):
        case Found(rung=rung, replacements=replacements):
            return rung, replaced(text, replacements)
        case Several(lines=lines):
            return f"several: {', '.join(map(str, lines))}"
        case Missing():
            closest = closest_block(text, old)
            alike = closest is not None and closest.similarity >= ALIKE
            return f"shown: {closest.first}-{closest.last} {closest.difference}" if closest and alike else "refused"


EXACT = [
    pytest.param(JOB, "start()", "begin()", JOB.replace("start", "begin"), id="part of a line"),
    pytest.param(JOB, "        start()\n", "", JOB.replace("        start()\n", ""), id="line deleted"),
    pytest.param(
        JOB, "return 1", "a()\n        return 1", JOB.replace("return 1", "a()\n        return 1"), id="grows"
    ),
    pytest.param(JOB, JOB, "x\n", "x\n", id="whole file"),
    pytest.param("a", "a", "b", "b", id="no newline anywhere"),
    pytest.param("a\nb", "a\nb", "c", "c", id="no final newline"),
    pytest.param("x = 1  \n", "x = 1  ", "x = 2", "x = 2\n", id="trailing blanks sent and meant"),
    pytest.param("a\tb\n", "a\tb", "a b", "a b\n", id="tab inside"),
    pytest.param("“a”\n", "“a”", '"a"', '"a"\n', id="typographic quotes sent and meant"),
    pytest.param(r"p('a\nb')", r"'a\nb'", r"'a\tb'", r"p('a\tb')", id="literal backslash n sent and meant"),
    pytest.param("1\tx\n2\ty\n", "1\tx", "1\tz", "1\tz\n2\ty\n", id="what looks like a label is the text"),
    pytest.param("a\n\n\nb\n", "a\n\n\nb", "a\nb", "a\nb\n", id="blank lines"),
    pytest.param("日本語テキスト\n", "本語", "本", "日本テキスト\n", id="wide characters"),
    pytest.param("👍🏽 ok\n", "👍🏽", "👎", "👎 ok\n", id="emoji of two code points"),
    pytest.param(CRLF, "two", "zwei", "one\r\nzwei\r\nthree\r\n", id="part of a crlf line"),
    pytest.param(CRLF, "two", "2a\n2b", "one\r\n2a\r\n2b\r\nthree\r\n", id="new lines get crlf"),
    pytest.param(CRLF, "one\r\ntwo", "1\n2", "1\n2\r\nthree\r\n", id="carriage return named, so line ends are meant"),
    pytest.param("a\nb\n", "b", "c\r\nd", "a\nc\nd\n", id="crlf does not come into an lf file"),
    pytest.param(MIXED, "two", "2a\n2b", "one\r\n2a\n2b\nthree\r\nfour\n", id="mixed file: lf line"),
    pytest.param(MIXED, "three", "3a\n3b", "one\r\ntwo\n3a\r\n3b\r\nfour\n", id="mixed file: crlf line"),
    pytest.param("a\r\nb", "b", "c\nd", "a\r\nc\r\nd", id="last line without end follows the one before"),
    pytest.param("\ta\n", "\ta", "\tb", "\tb\n", id="tab indent sent right"),
    pytest.param("a b a\n", "b a", "c", "a c\n", id="last word"),
    pytest.param("x\n\n", "x\n\n", "y\n", "y\n", id="blank line at the end taken along"),
]

LINE_ENDS = [
    pytest.param(CRLF, "one\ntwo\n", "eins\ntwo\n", "eins\r\ntwo\r\nthree\r\n", id="lf for crlf"),
    pytest.param(CRLF, "two\nthree", "two\nx\nthree", "one\r\ntwo\r\nx\r\nthree\r\n", id="line inserted in crlf"),
    pytest.param(CRLF, "one\ntwo\nthree\n", "", "", id="all of a crlf file deleted"),
    pytest.param(CRLF, "wo\nth", "wo\n\nth", "one\r\ntwo\r\n\r\nthree\r\n", id="from inside a line to inside the next"),
    pytest.param("a\nb\n", "a\r\nb\r\n", "a\r\nc\r\n", "a\nc\n", id="crlf for lf"),
    pytest.param(MIXED, "one\ntwo\nthree\nfour", "one\ntwo\n3\nfour", "one\r\ntwo\n3\r\nfour\n", id="mixed keeps both"),
    pytest.param(MIXED, "one\ntwo\n", "one\nand\ntwo\n", "one\r\nand\ntwo\nthree\r\nfour\n", id="mixed, inserted"),
    pytest.param("a\nb", "a\nb\n", "a\nc\n", "a\nc", id="final newline that is not there"),
    pytest.param("a\nb", "b\n", "b\nc\n", "a\nb\nc", id="appended to a last line without end"),
    pytest.param("a\r\nb", "a\nb\n", "a\nc\n", "a\r\nc", id="crlf and no final newline"),
    pytest.param("a", "a\n", "b\n", "b", id="one line without end"),
    pytest.param("\r\na\r\n", "\na\n", "\nb\n", "\r\nb\r\n", id="blank first line"),
]

BLANKS = [
    pytest.param("a  \nb\n", "a\nb\n", "a\nc\n", "a  \nc\n", id="trailing blanks in the file stay"),
    pytest.param("a\nb\n", "a  \nb\n", "a\nc\n", "a\nc\n", id="trailing blanks of the model are dropped"),
    pytest.param("a\t\nb\n", "a\nb", "a\nc", "a\t\nc\n", id="trailing tab"),
    pytest.param("a\n    \nb\n", "a\n\nb\n", "a\n\nc\n", "a\n    \nc\n", id="blank line with blanks in the file"),
    pytest.param("a\n\nb\n", "a\n    \nb\n", "a\n    \nc\n", "a\n\nc\n", id="blank line with blanks sent"),
    pytest.param("a  \r\nb\r\n", "a\nb\n", "a\nc\n", "a  \r\nc\r\n", id="with crlf"),
    pytest.param("f(a,  \n  b)\n", "f(a,\n  b)", "f(a,\n  c)", "f(a,  \n  c)\n", id="inside a call"),
    pytest.param("a  \nb  \n", "a\nb\n", "a\nx\nb\n", "a  \nx\nb  \n", id="inserted between"),
    pytest.param("a \nb \nc \n", "a\nb\nc", "a\nc", "a \nc \n", id="line in the middle deleted"),
    pytest.param("x = 1\n", "x = 1   ", "x = 2", "x = 2\n", id="blanks behind the only line"),
    pytest.param("a\x0c\nb\n", "a\nb", "a\nc", "a\x0c\nc\n", id="form feed"),
    pytest.param("a  ", "a\n", "b\n", "b  ", id="blanks at the end of the file"),
]

TYPOGRAPHY = [
    pytest.param(
        CURLY,
        'title = "It\'s a test"',
        'title = "It\'s the test"',
        CURLY.replace("a t", "the t"),
        id="curly quotes stay",
    ),
    pytest.param(CURLY, "range = 1-2", "range = 1-3", CURLY.replace("–2", "–3"), id="en dash stays"),
    pytest.param(CURLY, "note = 'ok'", "note = 'no'", CURLY.replace("ok", "no"), id="single quotes stay"),
    pytest.param("a = 'b'\n", "a = ‘b’", "a = ‘c’", "a = 'c'\n", id="the model sends curly ones"),
    pytest.param("say “hi”\n", 'say "hi"', 'say "hi", he said', "say “hi”, he said\n", id="appended behind a quote"),
    pytest.param("a\u00a0=\u00a01\n", "a = 1", "a = 2", "a\u00a0=\u00a02\n", id="no-break spaces"),
    pytest.param("a = 1\n", "a\u00a0= 1", "a\u00a0= 2", "a = 2\n", id="the model sends a no-break space"),
    pytest.param("a\u202fb\n", "a b", "a c", "a\u202fc\n", id="narrow no-break space"),
    pytest.param("全角\u3000空白\n", "全角 空白", "全角 文字", "全角\u3000文字\n", id="ideographic space"),
    pytest.param("a — b\n", "a - b", "a - c", "a — c\n", id="em dash"),
    pytest.param("5 − 3\n", "5 - 3", "5 - 4", "5 − 4\n", id="minus sign"),
    pytest.param("co‑op\n", "co-op", "co-ops", "co‑ops\n", id="no-break hyphen"),
    pytest.param("„x“\n", '"x"', '"y"', "„y“\n", id="low quotes"),
    pytest.param("“a”  \n“b”\n", '"a"\n"b"', '"a"\n"c"', "“a”  \n“c”\n", id="and trailing blanks"),
    pytest.param("“a”\r\n“b”\r\n", '"a"\n"b"', '"a"\n"c"', "“a”\r\n“c”\r\n", id="and crlf"),
    pytest.param("5′ 6″\n", "5' 6\"", "5' 7\"", "5′ 7″\n", id="prime signs"),
    pytest.param("caf\udce9 = 1\n", "café = 1", "café = 2", "caf\udce9 = 2\n", id="a stray latin-1 byte stays"),
    pytest.param("say ’\nx\n", "say '", "say 'a", "say ’a\nx\n", id="a quote at the end is no dropped blank"),
]

INDENT = [
    pytest.param(
        JOB,
        "def run(self):\n    start()\n",
        "def run(self):\n    begin()\n",
        JOB.replace("start", "begin"),
        id="too shallow",
    ),
    pytest.param(JOB, "            start()\n", "            begin()\n", JOB.replace("start", "begin"), id="too deep"),
    pytest.param(
        JOB,
        "  def run(self):\n      start()",
        "  def run(self):\n      a()\n      b()",
        JOB.replace("        start()", "        a()\n        b()"),
        id="two instead of four",
    ),
    pytest.param(
        DEEP,
        "for y in x:\n    use(y)\n    keep(y)\n",
        "for y in x:\n    if y:\n        use(y)\n    keep(y)\n",
        DEEP.replace("            use(y)", "            if y:\n                use(y)"),
        id="new text goes deeper",
    ),
    pytest.param(
        DEEP,
        "        use(y)\n        keep(y)\n",
        "        keep(y)\n",
        DEEP.replace("            use(y)\n", ""),
        id="line deleted",
    ),
    pytest.param(
        GO,
        "    if ok {\n        run()\n",
        "    if ok {\n        walk()\n",
        GO.replace("run", "walk"),
        id="four spaces for tabs",
    ),
    pytest.param(
        GO,
        "  if ok {\n    run()\n",
        "  if ok {\n    if x {\n      run()\n    }\n",
        GO.replace("\t\trun()\n", "\t\tif x {\n\t\t\trun()\n\t\t}\n"),
        id="two spaces for tabs",
    ),
    pytest.param(GO, "if ok {\n\trun()\n", "if ok {\n\twalk()\n", GO.replace("run", "walk"), id="one tab too few"),
    pytest.param(
        GO, "\t\t\t\trun()\n\t\t\t\tstop()\n", "\t\t\t\tstop()\n", GO.replace("\t\trun()\n", ""), id="two tabs too many"
    ),
    pytest.param(
        DEEP,
        "\tif x:\n\t\tfor y in x:\n\t\t\tuse(y)\n",
        "\tif x:\n\t\tfor y in x:\n\t\t\tgo(y)\n",
        DEEP.replace("use", "go"),
        id="tabs for four spaces",
    ),
    pytest.param(
        "a:\n  b:\n    c: 1\n", "\tb:\n\t\tc: 1\n", "\tb:\n\t\tc: 2\n", "a:\n  b:\n    c: 2\n", id="tabs for two spaces"
    ),
    pytest.param(
        JOB,
        "  def run(self):\n      start()\n      return 1\n\n  def stop(self):\n",
        "  def stop(self):\n",
        JOB.replace("    def run(self):\n        start()\n        return 1\n\n", ""),
        id="over a blank line",
    ),
    pytest.param(
        "if a:\r\n    b()\r\n", "  if a:\n      b()\n", "  if a:\n      c()\n", "if a:\r\n    c()\r\n", id="and crlf"
    ),
    pytest.param(
        "if a:\n    b()  \n    c()",
        "if a:\n    b()\n    c()\n".replace("    ", "      ").replace("if", "  if"),
        "  if a:\n      b()\n      d()\n",
        "if a:\n    b()  \n    d()",
        id="and blanks, and no final newline",
    ),
    pytest.param(
        "    say(‘a’)\n    b\n", "  say('a')\n  b\n", "  say('a')\n  c\n", "    say(‘a’)\n    c\n", id="and quotes"
    ),
    pytest.param(
        "\tx\n", "        x\n", "        x\n            y\n", "\tx\n\t\ty\n", id="a tab that is no eight spaces"
    ),
    pytest.param("a\n    b\n", "        b\n", "", "a\n", id="deleted whole"),
    pytest.param(
        "{\n  a\n}\n",
        "    a\n",
        "    a\n\n    b\n",
        "{\n  a\n\n  b\n}\n",
        id="a blank line in the new text stays blank",
    ),
    pytest.param("x\n    a\n", "\n  a\n", "\n  b\n", "refused", id="a blank line that is not there"),
    pytest.param(
        "if a:\n    b()\n        c()\n", "if a:\n  b()\n    c()\n", "x", "shown: 1-3 blanks", id="not one shift: scaled"
    ),
    pytest.param("  a\n      b\n", "    a\n      b\n", "x", "shown: 1-2 blanks", id="not one shift: first line only"),
    pytest.param("  a()\n", "    a()\n", "b()\n", "shown: 1-1 blanks", id="new text cannot go that far left"),
    pytest.param(
        "if a:\n\tb()\n\n\tc()\n",
        "    b()\n\n    c()\n",
        "    c()\n\n    b()\n",
        "if a:\n\tc()\n\n\tb()\n",
        id="tabs, with a blank line",
    ),
    pytest.param("    a()\n    b()\n", "a ()\nb()\n", "c", "shown: 1-2 blanks", id="blanks inside a line"),
]

ESCAPES = [
    pytest.param("a\nb\n", r"a\nb", r"a\nc", "a\nc\n", id="newline"),
    pytest.param('x = "a"\n', r"x = \"a\"", r"x = \"b\"", 'x = "b"\n', id="double quotes"),
    pytest.param("x = 'a'\n", r"x = \'a\'", r"x = \'b\'", "x = 'b'\n", id="single quotes"),
    pytest.param("x = `a`\n", r"x = \`a\`", r"x = \`b\`", "x = `b`\n", id="backticks"),
    pytest.param("\ta\n", r"\ta", r"\tb", "\tb\n", id="tab"),
    pytest.param("a\\b\n", r"a\\b", r"a\\c", "a\\c\n", id="backslash"),
    pytest.param('f("a")\ng("b")\n', r"f(\"a\")\ng(\"b\")", r"f(\"a\")\ng(\"c\")", 'f("a")\ng("c")\n', id="both"),
    pytest.param("a\nb\n", r"a\nb", "a\nprint('\\n')", "a\nprint('\\n')\n", id="true line ends beside a literal one"),
    pytest.param('x = "a"\n', r"x = \"a\"", r'x = "a\tb"', 'x = "a\\tb"\n', id="what old did not escape is left"),
    pytest.param("a\r\nb\r\n", r"a\nb", r"a\nc", "a\r\nc\r\n", id="and crlf"),
    pytest.param("  a\n  b\n", r"a\nb\n", r"a\nc\n", "  a\n  c\n", id="and indentation"),
    pytest.param("a\nb\n", r"\n", "x", "refused", id="an escaped newline alone is nothing"),
    pytest.param("a\nb\na\nb\n", r"a\nb", "x", "several: 1, 3", id="two places"),
]

LABELS = [
    pytest.param(
        "a\nfoo\nbar\n",
        "     2\tfoo\n     3\tbar",
        "     2\tfoo\n     3\tbaz",
        "a\nfoo\nbaz\n",
        id="as read shows them",
    ),
    pytest.param("a\nfoo\n", "2\tfoo", "fuu", "a\nfuu\n", id="only in the old text"),
    pytest.param("foo\nbar\n", "     1→foo\n     2→bar", "     1→foo\n     2→baz", "foo\nbaz\n", id="arrows"),
    pytest.param("foo\nbar\n", "1: foo\n2: bar", "1: foo\n2: baz", "foo\nbaz\n", id="colons, as grep has them"),
    pytest.param("foo\nbar\n", " 1 | foo\n 2 | bar", " 1 | foo\n 2 | baz", "foo\nbaz\n", id="bars"),
    pytest.param(
        "def f():\n    a\n",
        "     1\tdef f():\n     2\t    a",
        "     1\tdef f():\n     2\t    b",
        "def f():\n    b\n",
        id="indentation behind them",
    ),
    pytest.param(
        "a\n\nb\n",
        "     1\ta\n     2\t\n     3\tb",
        "     1\ta\n     2\tb",
        "a\nb\n",
        id="a blank line with its number",
    ),
    pytest.param("a\n\nb\n", "     1\ta\n\n     3\tb", "     1\ta\n\n     3\tc", "a\n\nc\n", id="a blank line without"),
    pytest.param(
        "a\nb\n", "     1\ta\n     2\tb\n", "     1\ta\nx\n     2\tb\n", "a\nx\nb\n", id="new line without a number"
    ),
    pytest.param("a  \nb\n", "     1\ta\n     2\tb\n", "     1\ta\n     2\tc\n", "a  \nc\n", id="and blanks"),
    pytest.param("a\r\nb\r\n", "1\ta\n2\tb", "1\ta\n2\tc", "a\r\nc\r\n", id="and crlf"),
    pytest.param("foo\nbar\n", "2\tfoo\n1\tbar", "x", "refused", id="numbers out of order"),
    pytest.param("foo\nbar\n", "1\tfoo\nbar", "x", "refused", id="numbers on some lines"),
    pytest.param("foo\nfoo\n", "2\tfoo", "x", "several: 1, 2", id="the number does not choose between two"),
    pytest.param("a\n\n", "1\t", "x", "refused", id="a number alone"),
]

REFUSED = [
    pytest.param(
        "word " * 200 + "\n",
        "word " * 100 + "wort " + "word " * 99,
        "x",
        "shown: 1-1 wording",
        id="a letter in a long line",
    ),
    pytest.param("a\na\n", "a", "b", "several: 1, 2", id="two lines alike"),
    pytest.param("aaa\n", "aa", "b", "several: 1, 1", id="overlapping"),
    pytest.param("a a\n", "a", "b", "several: 1, 1", id="two in a line"),
    pytest.param("x\r\ny\r\nx\r\ny\r\n", "x\ny\n", "z", "several: 1, 3", id="crlf twice"),
    pytest.param("a \nb\na\t\nb\n", "a\nb", "z", "several: 1, 3", id="trailing blanks twice"),
    pytest.param("“a”\n‘b’\n“a”\n", '"a"', "z", "several: 1, 3", id="quotes twice"),
    pytest.param(
        "  a()\n    a()\n", "      a()\n", "      b()\n", "several: 1, 2", id="indentation twice, by different shifts"
    ),
    pytest.param(JOB, "        return 1\n        start()\n", "x", "refused", id="lines swapped"),
    pytest.param(JOB, "def pause(self):\n    rest()\n", "x", "refused", id="invented"),
    pytest.param("", "a", "b", "refused", id="empty file"),
    pytest.param("\n\n", "a", "b", "refused", id="only blank lines"),
    pytest.param("x = 10\n", "x = 1 ", "x = 2 ", "shown: 1-1 wording", id="a blank that was a border"),
    pytest.param("abc\n", "   ", "x", "refused", id="blanks only"),
    pytest.param("a\n\n\n\nb\n", "\n\n", "x", "several: 1, 2, 3", id="line ends only"),
    pytest.param(
        JOB, "    def run(self):\n        strat()\n        return 1\n", "x", "shown: 2-4 wording", id="a typing error"
    ),
    pytest.param(JOB, "    def Run(self):\n        Start()\n", "x", "shown: 2-3 case", id="upper case"),
    pytest.param(
        JOB,
        "    def run(self):\n        start()\n\n        return 1\n",
        "x",
        "shown: 2-4 blanks",
        id="a blank line too many",
    ),
    pytest.param(JOB, "        return 1\n    def stop(self):\n", "x", "shown: 4-6 blanks", id="a blank line too few"),
    pytest.param(
        JOB,
        "class Job:\n    def run(self):\n        start()\n        return 1;\n",
        "x",
        "shown: 1-4 wording",
        id="a semicolon too many",
    ),
    pytest.param(
        "value = compute(first, second)\n",
        "value = compute(first,second)",
        "x",
        "shown: 1-1 blanks",
        id="a blank too few in one line",
    ),
    pytest.param("a = 1\nb = 2\nc = 3\n", "zz\n", "x", "refused", id="nothing alike"),
    pytest.param(CRLF, "one\ntwo\nthree\nfour\n", "x", "refused", id="one line too many of few"),
]


def check(rung: Rung, text: str, old: str, new: str, expected: str) -> None:
    """`expected` is the new text, found on `rung`, unless it says why there is none."""
    unapplied = expected.startswith(("shown", "refused", "several"))
    assert outcome(text, old, new) == (expected if unapplied else (rung, expected))


@pytest.mark.parametrize(("text", "old", "new", "expected"), EXACT)
def test_exact(text: str, old: str, new: str, expected: str) -> None:
    check("exact", text, old, new, expected)


@pytest.mark.parametrize(("text", "old", "new", "expected"), LINE_ENDS)
def test_line_ends_apart(text: str, old: str, new: str, expected: str) -> None:
    check("line ends", text, old, new, expected)


@pytest.mark.parametrize(("text", "old", "new", "expected"), BLANKS)
def test_trailing_blanks_apart(text: str, old: str, new: str, expected: str) -> None:
    check("blanks", text, old, new, expected)


@pytest.mark.parametrize(("text", "old", "new", "expected"), TYPOGRAPHY)
def test_typography_apart(text: str, old: str, new: str, expected: str) -> None:
    check("typography", text, old, new, expected)


@pytest.mark.parametrize(("text", "old", "new", "expected"), INDENT)
def test_one_shift_of_indentation_apart(text: str, old: str, new: str, expected: str) -> None:
    check("indent", text, old, new, expected)


@pytest.mark.parametrize(("text", "old", "new", "expected"), ESCAPES)
def test_escapes_sent_literally(text: str, old: str, new: str, expected: str) -> None:
    check("escapes", text, old, new, expected)


@pytest.mark.parametrize(("text", "old", "new", "expected"), LABELS)
def test_line_numbers_sent_along(text: str, old: str, new: str, expected: str) -> None:
    check("labels", text, old, new, expected)


@pytest.mark.parametrize(("text", "old", "new", "expected"), REFUSED)
def test_not_applied(text: str, old: str, new: str, expected: str) -> None:
    assert outcome(text, old, new) == expected


def test_replace_all_takes_every_place_of_the_first_rung_that_has_one() -> None:
    text = "a  \nb\n-\na\t\nb\n"

    found = find(text, "a\nb\n", "a\nc\n", replace_all=True)

    assert isinstance(found, Found)
    assert (found.rung, replaced(text, found.replacements)) == ("blanks", "a  \nc\n-\na\t\nc\n")


def test_replace_all_does_not_overlap() -> None:
    found = find("aaaaa", "aa", "b", replace_all=True)

    assert isinstance(found, Found)
    assert replaced("aaaaa", found.replacements) == "bba"


TEXTS = st.text(alphabet="ab(\t\r\n “\"'\\n1", max_size=40)


@given(before=TEXTS, old=TEXTS.filter(bool), after=TEXTS, new=TEXTS)
@settings(max_examples=100, deadline=None)
def test_exact_unique_match_is_always_applied(before: str, old: str, after: str, new: str) -> None:
    text = before + old + after
    assume(sum(text.startswith(old, at) for at in range(len(text))) == 1)

    found = find(text, old, new)

    assert isinstance(found, Found)
    [one] = found.replacements
    assert (found.rung, text[: one.start], text[one.end :]) == ("exact", before, after)
    assert one.text.replace("\r\n", "\n") == new.replace("\r\n", "\n")


@given(text=TEXTS, old=TEXTS.filter(bool), new=TEXTS)
@settings(max_examples=100, deadline=None)
def test_two_places_are_never_chosen_between(text: str, old: str, new: str) -> None:
    """Whatever is found once in a text is ambiguous in two copies of it, on the same rung."""
    text += "\n"
    found = find(text, old, new)

    if text.count(old) > 1:
        assert isinstance(found, Several)
    elif isinstance(found, Found):
        twice = find(f"{text}|\n{text}", old, new)
        assert isinstance(twice, Several)
        assert twice.rung == found.rung


WORDS = st.lists(st.sampled_from(["a(", "b", "“c”", "'d'"]), min_size=1, max_size=4, unique=True)
BLANK_RUNS = st.lists(st.sampled_from(["", " ", "\t", "  "]), min_size=4, max_size=4)


@given(
    words=WORDS,
    blanks=BLANK_RUNS,
    indent=st.sampled_from(["", "  ", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
    final=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_lower_rungs_touch_no_byte_outside_the_change(
    words: list[str], blanks: list[str], indent: str, end: str, final: bool
) -> None:
    """The model forgets blanks, quotes, indentation and line ends; it changes the last line and means no other."""
    lines = [indent + word + blank for word, blank in zip(words, blanks, strict=False)]
    before = "x = 1" + end + "".join(line + end for line in lines[:-1])
    text = before + lines[-1] + end * final
    plain = [word.replace("“", '"').replace("”", '"') for word in words]

    found = find(text, "\n".join(plain) + "\n", "\n".join([*plain[:-1], "changed"]) + "\n")

    assert isinstance(found, Found)
    result = replaced(text, found.replacements)
    assert result.startswith(before)
    assert result[len(before) :].strip() == "changed"
    assert result.endswith(end) == final


def test_miss_in_a_long_file_shows_the_closest_lines() -> None:
    text = "".join(f"    value_{number} = compute(item_{number % 97}, {number})\n" for number in range(6000))
    old = "    value_3000 = compute(item_90, 3000)\n    value_3001 = compute(item_99, 3001)\n"

    assert outcome(text, old, "x") == "shown: 3001-3002 wording"
