"""What the echo agent does when a prompt begins with `!`: one function for each way in which agents fail.

    !die [SIGNAL]       killed by a signal, SIGKILL unless named          !limit SECONDS   429, then the answer
    !exit CODE          ends without a word                               !rejected TIME   a usage limit until TIME
    !hang               no word of an answer; it answers probes           !refused STATUS  the API said no
    !stall              half an answer, then as !hang                     !ask TOOL        asks for approval
    !wedge              stops itself with SIGSTOP: no probe is answered   !recall          the prompts before this one
    !garbage LINES      lines that are no JSON                            !long BYTES      one long line
    !flood MEGABYTES    as much output as it can                          !leak MB         grows by that each second
    !deaf               ignores SIGTERM from now on                       !fork            leaves a process behind

What does not say otherwise answers in the end with its own name, as far as it gets.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

Outcome = dict[str, Any]
"""What a `result` line says beside the usual."""


class Interrupted(Exception):
    """The running turn is to end."""


class Exit(Exception):
    """The process is to end."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Stage(Protocol):
    """What a command can do: the echo agent."""

    def write(self, line: Outcome) -> None: ...
    def write_raw(self, text: str) -> None: ...
    def say(self, text: str) -> None: ...
    def pause(self, seconds: float | None) -> None: ...
    def ask(self, request: Outcome) -> Outcome: ...
    def earlier_prompts(self) -> list[str]: ...


Command = Callable[[Stage, str], Outcome]


def _die(_: Stage, argument: str) -> Outcome:
    os.kill(os.getpid(), getattr(signal, argument or "SIGKILL"))
    return {"result": "!die"}


def _exit(_: Stage, argument: str) -> Outcome:
    raise Exit(int(argument or 0))


def _hang(stage: Stage, _: str) -> Outcome:
    stage.pause(None)
    return {"result": "!hang"}


def _stall(stage: Stage, _: str) -> Outcome:
    stage.say("half of an ans")
    return _hang(stage, "")


def _wedge(_: Stage, __: str) -> Outcome:
    os.kill(os.getpid(), signal.SIGSTOP)
    return {"result": "!wedge"}


def _garbage(stage: Stage, argument: str) -> Outcome:
    for number in range(int(argument or 1)):
        stage.write_raw(f"<p>This is no JSON, {number}.</p>")
    return {"result": "!garbage"}


def _flood(stage: Stage, argument: str) -> Outcome:
    for _ in range(int(argument or 1) * 1000):
        stage.say("x" * 850)
    return {"result": "!flood"}


def _deaf(_: Stage, __: str) -> Outcome:
    # Python allows handlers in the main thread alone, and this is it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return {"result": "!deaf"}


def _fork(_: Stage, __: str) -> Outcome:
    """Away from the group and the session, with the parent gone: only a subreaper knows it."""
    orphan = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)"
    nowhere = subprocess.DEVNULL
    subprocess.run([sys.executable, "-c", orphan], stdin=nowhere, stdout=nowhere, stderr=nowhere, check=True)
    return {"result": "!fork"}


def _leak(_: Stage, argument: str) -> Outcome:
    kept: list[bytearray] = []

    def leak() -> None:
        while True:
            kept.append(bytearray(b"x") * (int(argument or 1) * 100_000))
            time.sleep(0.1)

    threading.Thread(target=leak, daemon=True).start()
    return {"result": "!leak"}


def _limit(stage: Stage, argument: str) -> Outcome:
    wait = float(argument or 0)
    told = {"attempt": 1, "max_retries": 10, "retry_delay_ms": wait * 1000, "error_status": 429, "error": "rate_limit"}
    stage.write({"type": "system", "subtype": "api_retry", **told})
    stage.pause(wait)
    return {"result": "!limit"}


def _rejected(stage: Stage, argument: str) -> Outcome:
    info = {"status": "rejected", "resetsAt": float(argument or 0), "rateLimitType": "five_hour"}
    stage.write({"type": "rate_limit_event", "rate_limit_info": info})
    return {"is_error": True, "api_error_status": 429, "result": "You've hit your session limit."}


def _refused(_: Stage, argument: str) -> Outcome:
    status = int(argument or 401)
    return {"is_error": True, "api_error_status": status, "result": f"API Error: {status} refused"}


def _ask(stage: Stage, argument: str) -> Outcome:
    tool = argument or "Bash"
    call = {"type": "tool_use", "id": "call_1", "name": tool, "input": {"command": "make"}}
    stage.write({"type": "assistant", "message": {"role": "assistant", "content": [call]}, "parent_tool_use_id": None})
    grant = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
    question = {"tool_name": tool, "input": call["input"], "tool_use_id": "call_1", "permission_suggestions": [grant]}
    answer = stage.ask({"subtype": "can_use_tool", **question})
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": answer["behavior"]}
    stage.write({"type": "user", "message": {"role": "user", "content": [result]}, "parent_tool_use_id": None})
    return {"result": json.dumps(answer, sort_keys=True)}


def _recall(stage: Stage, _: str) -> Outcome:
    return {"result": "\n".join(stage.earlier_prompts())}


def _long(stage: Stage, argument: str) -> Outcome:
    stage.say("x" * int(argument or 1))
    return {"result": "!long"}


COMMANDS: dict[str, Command] = {
    "!die": _die,
    "!exit": _exit,
    "!hang": _hang,
    "!stall": _stall,
    "!wedge": _wedge,
    "!garbage": _garbage,
    "!flood": _flood,
    "!deaf": _deaf,
    "!fork": _fork,
    "!leak": _leak,
    "!limit": _limit,
    "!rejected": _rejected,
    "!refused": _refused,
    "!ask": _ask,
    "!recall": _recall,
    "!long": _long,
}
