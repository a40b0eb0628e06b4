"""Events as lines for people: the same words in print mode, in the conversation and in a log.

    ● Read src/a.py
      └ 42 lines

Pure text without colour; everything that came from a model or a tool is escaped here.
"""

import os

from tianting.protocol.content import Image, text_of
from tianting.protocol.deltas import ModelSwitched, RequestRetried
from tianting.protocol.events import ToolFinished, TurnReport
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.protocol.turn_ends import complaint
from tianting.surfaces.escaping import one_line, visible

_TELLING_ARGUMENT = {
    "Agent": "description",
    "Bash": "command",
    "Edit": "file_path",
    "Glob": "pattern",
    "Grep": "pattern",
    "MultiEdit": "file_path",
    "NotebookEdit": "notebook_path",
    "Read": "file_path",
    "WebFetch": "url",
    "WebSearch": "query",
    "Write": "file_path",
    "apply_patch": "input",
}
_COUNTED = {"Glob", "Grep", "Read", "WebFetch"}
"""Tools whose result is for the model: a person wants its size."""
_SHOWN_LINES = 4
_PATCH_MARKS = ("*** Add File: ", "*** Update File: ", "*** Delete File: ")


def call_line(call: ToolCall, root: str = "", limit: int = 120) -> str:
    """`Read src/a.py`: the tool and the argument that tells most, in `limit` characters.

    Paths are relative to the directory `root` where they lie inside.
    """
    telling = call.arguments.get(_TELLING_ARGUMENT.get(call.tool_name, ""), "")
    if not telling:
        telling = next((value for value in call.arguments.values() if isinstance(value, str)), "")
    if call.tool_name == "apply_patch":
        telling = ", ".join(shown_path(path, root) for path in patched_files(str(telling)))
    return one_line(f"{call.tool_name} {shown_path(str(telling), root)}".rstrip(), limit)


def result_lines(finished: ToolFinished) -> tuple[str, ...]:
    """What came of a call, in at most five lines; of a command's output its head, or its end when it failed."""
    lines = _words(finished.result).splitlines() or ["no output"]
    is_command = finished.call.tool_name == "Bash"
    if finished.result.outcome == "interrupted":
        return ("interrupted",)
    if finished.result.outcome == "failed" and is_command:
        return _failed_command(lines)
    if finished.result.outcome != "ok" or len(lines) == 1:
        return (one_line(lines[0], 200),)
    if finished.call.tool_name in _COUNTED:
        return (f"{len(lines)} lines",)
    if not is_command:
        return (one_line(lines[0], 200),)
    more = len(lines) - _SHOWN_LINES
    head = _shown(lines[:_SHOWN_LINES])
    return (*head, f"… {more} more lines") if more > 0 else head


def _failed_command(lines: list[str]) -> tuple[str, ...]:
    """The verdict, which stands first, and the last words: errors stand at the end."""
    verdict, *output = lines
    words = [line for line in output if line.strip()]
    return (one_line(verdict, 200), *_shown(words[-_SHOWN_LINES:]))


def _shown(lines: list[str]) -> tuple[str, ...]:
    return tuple(visible(line)[:200] for line in lines)


def retry_line(retried: RequestRetried) -> str:
    """`Retry 1 of 10 in 2 s: overloaded (529)`."""
    status = f" ({retried.status})" if retried.status else ""
    cause = retried.cause.replace("_", " ")
    return f"Retry {retried.attempt} of {retried.max_retries} in {retried.delay:.2g} s: {cause}{status}"


def switch_line(switched: ModelSwitched) -> str:
    """Who answers from here on, and why."""
    return one_line(f"{switched.fallback} takes over from {switched.original}: {switched.trigger.replace('_', ' ')}")


def complaint_line(report: TurnReport) -> str:
    """Why a turn has no answer."""
    return one_line(complaint(report), 1_000)


def shown_path(path: str, root: str) -> str:
    """`path` relative to `root` where it lies inside; anything else as it is."""
    return os.path.relpath(path, root) if root and path.startswith(root.rstrip("/") + "/") else path


def patched_files(patch: str) -> list[str]:
    """The files that an apply_patch text names."""
    return [line[len(mark) :] for line in patch.splitlines() for mark in _PATCH_MARKS if line.startswith(mark)]


def _words(result: CallResult) -> str:
    if isinstance(result.content, str):
        return result.content.strip("\n")
    pictures = sum(isinstance(block, Image) for block in result.content)
    return text_of(result.content) or ("1 picture" if pictures == 1 else f"{pictures} pictures")
