"""The smallest agent that speaks stream-json: it answers with the words it is given, and fails when it is told to.

    python -m tianting.testing.echo_agent --session-id ID | --resume=ID

Without it every test of a fleet would need a model, a key and a second for each start. A prompt that begins with `!`
is a command: `echo_commands` lists them. It keeps each conversation in `$HOME/.echo-agent`, so that the next process
can go on with it. Standard library only; flags that it does not know are ignored.
"""

import argparse
import json
import queue
import shutil
import signal
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from tianting.testing.echo_commands import COMMANDS, Exit, Interrupted

Line = dict[str, Any]


class EchoAgent:
    """One process. Its main thread works on prompts, another reads, so that it answers while a turn hangs."""

    def __init__(self, conversation_id: str, transcript: Path) -> None:
        self.conversation_id = conversation_id
        self.failed = False
        """Whether the last turn did: then the process ends with 1."""
        self._transcript = transcript
        self._prompts: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._answers: dict[str, queue.SimpleQueue[Line | None]] = {}
        self._interrupted = threading.Event()
        self._writing = threading.Lock()

    def serve(self) -> None:
        """Work until the input ends; a turn that runs then is finished."""
        threading.Thread(target=self._read, daemon=True).start()
        while (prompt := self._prompts.get()) is not None:
            self._turn(prompt)

    def refuse(self, reason: str) -> None:
        """Say why nothing can begin."""
        self._finish({"subtype": "error_during_execution", "is_error": True, "errors": [reason], "num_turns": 0})

    def earlier_prompts(self) -> list[str]:
        """What was said before the prompt that is being worked on."""
        lines = self._transcript.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines][:-1]

    def write(self, line: Line) -> None:
        """Say one line."""
        self.write_raw(json.dumps({"uuid": str(uuid.uuid4()), **line, "session_id": self.conversation_id}))

    def write_raw(self, text: str) -> None:
        """Say what may not be a line at all."""
        with self._writing:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """A piece of the answer."""
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        self.write({"type": "stream_event", "event": delta, "parent_tool_use_id": None})

    def pause(self, seconds: float | None) -> None:
        """Do nothing; for ever where no time is given. Raises `Interrupted`."""
        if self._interrupted.wait(seconds):
            raise Interrupted

    def ask(self, request: Line) -> Line:
        """Ask whoever drives us, and wait. Raises `Interrupted`."""
        request_id = str(uuid.uuid4())
        answer = self._answers[request_id] = queue.SimpleQueue()
        self._tell_state("requires_action")
        self.write_raw(json.dumps({"type": "control_request", "request_id": request_id, "request": request}))
        said = answer.get()
        if said is None:
            self.write_raw(json.dumps({"type": "control_cancel_request", "request_id": request_id}))
            raise Interrupted
        self._tell_state("running")
        return said

    def _turn(self, prompt: Line) -> None:
        text = _words(prompt["message"]["content"])
        self._interrupted.clear()
        with self._transcript.open("a", encoding="utf-8") as transcript:
            transcript.write(json.dumps(text) + "\n")
        self._tell_state("running")
        self.write({"type": "system", "subtype": "init", "model": "echo", "cwd": str(Path.cwd())})
        self.write({**prompt, "isReplay": True})
        self.write({"type": "system", "subtype": "status", "status": "requesting"})
        self._finish(self._outcome(text))
        self._tell_state("idle")

    def _outcome(self, text: str) -> Line:
        name, _, argument = text.partition(" ")
        command = COMMANDS.get(name)
        try:
            if command is None:
                self.say(text)
                return {"result": text}
            return command(self, argument)
        except Interrupted:
            ends = {"terminal_reason": "aborted_streaming", "errors": ["interrupted"]}
            return {"subtype": "error_during_execution", "is_error": True, **ends}

    def _finish(self, outcome: Line) -> None:
        usage = {"input_tokens": 10, "output_tokens": 2}
        result = {"type": "result", "subtype": "success", "is_error": False, "duration_ms": 1, "duration_api_ms": 1}
        self.write({**result, "num_turns": 1, "total_cost_usd": 0.0, "usage": usage, **outcome})
        self.failed = bool(outcome.get("is_error"))

    def _tell_state(self, state: str) -> None:
        self.write({"type": "system", "subtype": "session_state_changed", "state": state, "sdk_host_only": True})

    def _read(self) -> None:
        for text in sys.stdin:
            line = json.loads(text)
            if line["type"] == "user":
                self._prompts.put(line)
            elif line["type"] == "control_request":
                self._answer(line["request_id"], line["request"]["subtype"])
            elif line["type"] == "control_response":
                self._take(line["response"])
        self._prompts.put(None)

    def _answer(self, request_id: str, subtype: str) -> None:
        payload: Line = {"mcpServers": []} if subtype == "mcp_status" else {}
        success = {"subtype": "success", "request_id": request_id, "response": payload}
        self.write_raw(json.dumps({"type": "control_response", "response": success}))
        if subtype == "interrupt":
            self._interrupted.set()
            for waiting in list(self._answers.values()):
                waiting.put(None)

    def _take(self, response: Line) -> None:
        waiting = self._answers.pop(response["request_id"], None)
        if waiting is not None:
            waiting.put(response.get("response", {}))


def main(arguments: list[str]) -> int:
    """Serve one conversation. 1 where it cannot be found, or the last turn failed."""
    told = _parser().parse_known_args(arguments)[0]
    if told.never_ready:
        signal.pause()
    time.sleep(told.slow_start)
    transcript = _transcript(told.session_id or told.resume)
    agent = EchoAgent(told.session_id or told.resume, transcript)
    if told.resume and not _transcript(told.resume).exists():
        agent.refuse(f"No conversation found with session ID: {told.resume}")
        return 1
    if told.fork_session:
        shutil.copyfile(_transcript(told.resume), transcript)
    try:
        agent.serve()
    except Exit as wish:
        return wish.code
    return int(agent.failed)


def _transcript(conversation_id: str) -> Path:
    home = Path.home() / ".echo-agent"
    home.mkdir(exist_ok=True)
    return home / f"{conversation_id}.jsonl"


def _words(content: str | list[Line]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tianting.testing.echo_agent", allow_abbrev=False)
    parser.add_argument("--session-id", default="", help="name of the new conversation")
    parser.add_argument("--resume", default="", help="go on with this one")
    parser.add_argument("--fork-session", action="store_true", help="with both: go on in a copy")
    parser.add_argument("--slow-start", type=float, default=0.0, metavar="SECONDS", help="be ready that late")
    parser.add_argument("--never-ready", action="store_true", help="start, and say nothing for ever")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
