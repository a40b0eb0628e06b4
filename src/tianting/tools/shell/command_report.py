"""How an ended command is told to the model: the verdict first when it is bad news, last when it is not."""

from tianting.tools.shell.exit_codes import Ending


def command_report(code: int, seconds: float, ending: Ending, output: str) -> str:
    """Never empty: output and `exit 0 in 3.2 s`, or for a failure `exit 2 in 8 s.` and output."""
    meaning = f": {ending.meaning}" if ending.meaning else ""
    if not output.strip():
        return f"exit {code}, no output{meaning}"
    if ending.failed:
        return f"exit {code} in {duration(seconds)}{meaning}.\n{output.rstrip()}"
    return f"{output.rstrip()}\nexit {code} in {duration(seconds)}{meaning}"


def duration(seconds: float) -> str:
    """`0.04 s`, `3.2 s`, `125 s`: no more digits than mean something."""
    digits = 2 if seconds < 1 else 1 if seconds < 10 else 0
    return f"{round(seconds, digits):g} s"
