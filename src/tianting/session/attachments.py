"""What Claude Code hangs between two messages; without it, going on with its sessions would lose words of people.

    said while the model worked · files and directories that a prompt names · what hooks and memory files add

The shapes are those of its transcripts. Whatever else it hangs there is about that program (its tools, its skills, its
reminders), and stays out.
"""

from typing import Any

from tianting.protocol.messages import UserMessage, user_text
from tianting.session.block_reading import user_blocks
from tianting.session.lines import Line


def attached(line: Line) -> UserMessage | None:
    """What `line` adds to the conversation; None when that is nothing."""
    attachment = line.attachment if line.type == "attachment" else None
    match attachment:
        case {"type": "queued_command", "prompt": prompt, **more}:
            return _said(prompt, meta=more.get("commandMode", "prompt") != "prompt")
    words = _added(attachment)
    # Bare, unlike notes of the harness: what a file says must not look like the harness's own word.
    return user_text(words, meta=True) if words else None


def _said(prompt: Any, *, meta: bool) -> UserMessage | None:
    blocks = user_blocks(prompt)
    return UserMessage(content=blocks, meta=meta) if blocks else None


def _added(attachment: Any) -> str:
    match attachment:
        case {"type": "file", "filename": str(path), "content": {"file": {"content": str(text)}}}:
            return f"The user names the file {path}, which held:\n{text}"
        case {"type": "file", "filename": str(path)}:
            return f"The user names the file {path}. What it held is not in this transcript."
        case {"type": "directory", "path": str(path), "content": str(names)}:
            return f"The user names the directory {path}, which held:\n{names}"
        case {"type": "nested_memory", "path": str(path), "content": {"content": str(text)}}:
            return f"{path} says:\n{text}"
        case {"type": "hook_success", "hookEvent": "UserPromptSubmit" | "SessionStart", "content": str(text)} if text:
            return f"A hook adds:\n{text}"
    return ""
