"""What the model reads after an edit: the place as it is now, and all it should know before it goes on."""

from tianting.tools.editing.excerpt import changed_excerpt
from tianting.tools.editing.file_editor import EditedFile
from tianting.tools.editing.matching import Rung
from tianting.tools.editing.syntax_check import new_problem

RUNG_NOTES: dict[Rung, str] = {
    "blanks": "blanks at line ends differ",
    "typography": "quotes, dashes or spaces differ",
    "indent": "its indentation differs; the new text was shifted likewise",
    "escapes": r"\n, \t or \" came as two characters",
    "labels": "line numbers came with it",
}
"""How a place was found; what is not here needs no mention."""


def edit_answer(edited: EditedFile, shown: str) -> str:
    """Describe a file, called `shown`, that was edited."""
    facts = [f"Edited {shown}, {edited.places} place{'s' * (edited.places != 1)}."]
    facts += [f"Found although {RUNG_NOTES[rung]}." for rung in dict.fromkeys(edited.rungs) if rung in RUNG_NOTES]
    facts += ["The file has other changes since you read it."] * edited.stale
    parts = [" ".join(facts), changed_excerpt(edited.before, edited.after, edited.regions)]
    if problem := new_problem(edited.path, edited.before, edited.after):
        parts.append(f"New problem from this edit: {problem}")
    return "\n".join(parts)
