"""Pictures of real programs: excerpts of what they show, at several widths. The first line says where the cursor is."""

from pathlib import Path

from tianting.plumbing.tmux_pane import Screen

_FOLDER = Path(__file__).with_name("screens")


def picture(name: str) -> Screen:
    """`claude-80-answer`: the program, the columns of its pane, and what it was doing."""
    first, *lines = _FOLDER.joinpath(f"{name}.txt").read_text().splitlines()
    return Screen(lines=tuple(lines), width=int(name.split("-")[1]), cursor=int(first.removeprefix("cursor ")))
