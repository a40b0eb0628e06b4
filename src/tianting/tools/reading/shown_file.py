"""What every reader of one form of file (text, picture, notebook, PDF) gives back to Read."""

from msgspec import Struct

from tianting.protocol.tool_calls import ToolOutput


class ShownFile(Struct, frozen=True, kw_only=True):
    """A file, or a part of it, ready for the model."""

    output: ToolOutput
    whole: bool
    """All of it was shown: only then may the model overwrite the file."""
