"""What the judge takes to decide: five everyday calls, and texts of two hundred commands, no two of them alike."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tianting.permissions.engine import judge
from tianting.permissions.path_facts import LocalPaths
from tianting.permissions.questions import Ground, Question
from tianting.permissions.rule_text import Behaviour, Places, RuleLine
from tianting.permissions.ruleset import Ruleset
from tianting.permissions.shell.syntax import read_script
from tianting.protocol.tool_calls import Access

PARTS = 200
ROUNDS = 6
IN_A_ROW = 20
_RULES: tuple[tuple[Behaviour, str], ...] = (
    ("allow", "Bash(make *)"),
    ("allow", "Bash(npm run *)"),
    ("allow", "Bash(pytest *)"),
    ("ask", "Bash(git push *)"),
    ("deny", "Bash(rm -rf *)"),
    ("deny", "Bash(curl *)"),
)
_FORBIDDEN_FILES: tuple[tuple[Behaviour, str], ...] = (("deny", "Read(.env)"), ("deny", "Read(~/.ssh/**)"))
_SINGLE = {
    "a command that looks": "git status --short",
    "a command with a rule": "make test",
    "a pipe with quotes": "grep -rn 'a b' src | head -5",
    "a redirection": "npm run lint > out.txt 2>&1",
}
_PLAIN = (
    "echo a{}", "git status -s src{}", "ls -la src/x{}", "cat README.md{}", "grep -rn todo{} src",
    "head -n {} Makefile", "wc -l a{}.py", "make t{}", "git log --oneline -{}", "find src -name x{}.py",
)  # fmt: skip
_QUOTED = ("echo 'part {}'", 'grep "x {}" README.md', "git log --grep 'fix {}'", "wc -l src/'{}.py'")
_EXPANDED = ('echo "$HOME/{}"', "grep x{} $(git ls-files)", "ls ~/x{} 2>/dev/null")


def decision_times() -> Iterator[tuple[str, float]]:
    """Each kind of decision and its time, again and again: seconds."""
    with tempfile.TemporaryDirectory(prefix="tianting-bench-") as directory:
        root = Path(directory).resolve()
        _fill(root)
        ground = Ground(root=str(root), home="/home/nobody", facts=LocalPaths(), read_script=read_script)
        rules, fewer = _ruleset(ground, _RULES + _FORBIDDEN_FILES), _ruleset(ground, _RULES)
        questions = {name: _command(text, root) for name, text in _SINGLE.items()} | {"a file to edit": _edit(root)}
        for name, kinds in (("plain", _PLAIN), ("quoted", _QUOTED), ("expanded", _EXPANDED)):
            questions[f"{PARTS} {name} commands"] = _command(_compound(kinds), root)
        cases = [(name, question, rules) for name, question in questions.items()]
        cases += [(f"{PARTS} plain commands, no file forbidden", _command(_compound(_PLAIN), root), fewer)]
        for name, question, ruleset in cases * ROUNDS:
            for _ in range(IN_A_ROW):
                yield name, _taken(question, ruleset, ground)


def _taken(question: Question, rules: Ruleset, ground: Ground) -> float:
    started = time.perf_counter()
    judge(question, rules, ground)
    return time.perf_counter() - started


def _compound(kinds: tuple[str, ...]) -> str:
    operators = (" && ", " ; ", " | ")
    parts = [kinds[index % len(kinds)].format(index) + operators[index % 3] for index in range(PARTS)]
    return "".join(parts).rstrip(" &;|")


def _command(text: str, root: Path) -> Question:
    access = Access(effect="execute", target=text)
    return Question(
        tool_name="Bash", accesses=(access,), arguments={"command": text}, mode="default", cwd=str(root)
    )  # fmt: skip


def _edit(root: Path) -> Question:
    path = str(root / "src" / "x1")
    access = Access(effect="edit", target=path)
    return Question(
        tool_name="Edit", accesses=(access,), arguments={"file_path": path}, mode="acceptEdits", cwd=str(root)
    )


def _ruleset(ground: Ground, rules: tuple[tuple[Behaviour, str], ...]) -> Ruleset:
    lines = [RuleLine(text=text, behaviour=behaviour) for behaviour, text in rules]
    return Ruleset.compile(lines, Places(ground.root, ground.home))


def _fill(root: Path) -> None:
    (root / "src").mkdir()
    for name in ("README.md", "Makefile", *(f"src/x{number}" for number in range(0, PARTS, 2))):
        (root / name).write_text("x\n")
