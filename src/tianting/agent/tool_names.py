"""Finds the tool that a call means, also where the model remembers another agent's names.

Only other spellings of the same tool are followed. A name that merely resembles one is answered with the right
one and not run: a guess must never write.
"""

from collections.abc import Mapping

from tianting.plumbing.near_names import nearest
from tianting.protocol.tool_calls import FORMER_NAMES
from tianting.tools.contract import AnyTool

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
    meant = _ELSEWHERE.get(name.lower()) or next(iter(nearest(name, tools, at_least=0.5, most=1)), "")
    if meant in tools:
        required = ", ".join(tools[meant].spec.input_schema.get("required", ()))
        return f'There is no tool "{name}"; {meant}({required}) does that.'
    return f'There is no tool "{name}". Tools: {", ".join(sorted(tools))}.'
