"""Finds the tool that a call means, also where the model remembers another agent's names.

Only other spellings of the same tool are followed. A name that merely resembles one is answered with the right
one and not run: a guess must never write.
"""

from collections.abc import Mapping

from tianting.tools.contract import AnyTool

FORMER_NAMES = {
    "KillShell": "TaskStop",
    "KillBash": "TaskStop",
    "TaskOutput": "BashOutput",
    "ApplyPatch": "apply_patch",
}
"""Names that clients and older transcripts use for the same tool with the same parameters."""

_ELSEWHERE = {
    "cat": "Read",
    "create_file": "Write",
    "exec": "Bash",
    "exec_command": "Bash",
    "execute_command": "Bash",
    "file_search": "Glob",
    "find": "Glob",
    "find_files": "Glob",
    "grep_search": "Grep",
    "list_dir": "LS",
    "list_directory": "LS",
    "list_files": "LS",
    "local_shell": "Bash",
    "open_file": "Read",
    "read_file": "Read",
    "replace": "Edit",
    "replace_in_file": "Edit",
    "rg": "Grep",
    "run_command": "Bash",
    "run_shell_command": "Bash",
    "run_terminal_cmd": "Bash",
    "search": "Grep",
    "search_files": "Grep",
    "shell": "Bash",
    "str_replace": "Edit",
    "str_replace_editor": "Edit",
    "terminal": "Bash",
    "update_plan": "TodoWrite",
    "view": "Read",
    "view_file": "Read",
    "write_file": "Write",
    "write_to_file": "Write",
}
"""What other agents call such a tool. Their parameters differ, so the model is told and calls again."""


def find_tool(name: str, tools: Mapping[str, AnyTool]) -> AnyTool | None:
    """The tool called `name`, in any case, or by a former name."""
    name = FORMER_NAMES.get(name, name)
    if tool := tools.get(name):
        return tool
    return next((tool for known, tool in tools.items() if known.lower() == name.lower()), None)


def unknown_tool(name: str, tools: Mapping[str, AnyTool]) -> str:
    """What to say to a call of a tool that does not exist."""
    nearest = _ELSEWHERE.get(name.lower()) or _most_alike(name, tools)
    if nearest in tools:
        required = ", ".join(tools[nearest].spec.input_schema.get("required", ()))
        return f'There is no tool "{name}"; {nearest}({required}) does that.'
    return f'There is no tool "{name}". Tools: {", ".join(sorted(tools))}.'


def _most_alike(name: str, tools: Mapping[str, AnyTool]) -> str:
    """The known name that shares most pairs of letters with `name`, if it shares half of them."""
    pairs = _pairs(name)
    score, best = max(((_likeness(pairs, _pairs(known)), known) for known in tools), default=(0.0, ""))
    return best if score >= 0.5 else ""


def _pairs(word: str) -> set[str]:
    word = word.lower().replace("_", "")
    return {word[i : i + 2] for i in range(len(word) - 1)}


def _likeness(one: set[str], other: set[str]) -> float:
    """Dice's coefficient: twice what is shared over what there is."""
    return 2 * len(one & other) / max(len(one) + len(other), 1)
