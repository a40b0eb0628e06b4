"""`tianting-codex`: asks the daemon's Codex from a shell, a script or another agent. Starts in the time of a blink, so
nothing but the standard library is loaded.

0 answered · 1 not answered · 2 wrong usage · 3 no daemon
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tianting.daemon.client import Client, NoDaemon, socket_of

USAGE = """\
usage: tianting-codex [OPTIONS] ask QUESTION…      ask; `-` reads the question from standard input
       tianting-codex [OPTIONS] config [EFFORT]    minimal, low, medium, high, xhigh or default
       tianting-codex [OPTIONS] reasoning [on|off] show what it thinks, too
       tianting-codex [OPTIONS] final_only [on|off]  the answer alone, or all that it says on the way
       tianting-codex [OPTIONS] status

  --socket PATH         where the daemon listens
  --conversation NAME   which conversation; `shared` is everybody's. Default: that of this terminal
  --timeout SECONDS     for the answer; 600 unless told
  --stream              print the answer as it comes
  --json                print what the daemon says, as it says it
"""
_VALUES = {"--socket": "socket", "--conversation": "conversation", "--timeout": "timeout"}
_FLAGS = {"--stream": "stream", "--json": "json"}
_WORDS = ("ask", "config", "reasoning", "final_only", "status")
_LATER = 5.0
"""Seconds that the daemon may take to say that time is up."""


class WrongUsage(Exception):
    """`str(error)` is one line."""


def main() -> None:
    """Run `tianting-codex` with the arguments and the environment of the process."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Ask, print, and give back the exit code."""
    if list(arguments) in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    try:
        options, words = _parsed(arguments)
        request = _request(options, words, environment)
        client = Client(socket_of(environment, options.get("socket")))
        return _shown(client, request, options)
    except WrongUsage as error:
        return _complain(f"{error} See `tianting-codex --help`.", 2)
    except NoDaemon as error:
        return _complain(str(error), 3)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stdout = None  # what is left in it must not raise at the end
        return 1


def _parsed(arguments: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Options stand before the word, so that a question may hold anything."""
    options: dict[str, Any] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("--"):
        name, has_value, value = rest.pop(0).partition("=")
        if name in _FLAGS and not has_value:
            options[_FLAGS[name]] = True
        elif name in _VALUES:
            if not has_value and not rest:
                raise WrongUsage(f"{name} needs a value.")
            options[_VALUES[name]] = value if has_value else rest.pop(0)
        else:
            raise WrongUsage(f"There is no option {name}.")
    return options, rest


def _request(options: Mapping[str, Any], words: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    if not words or words[0] not in _WORDS:
        raise WrongUsage(f"Say what to do: {', '.join(_WORDS)}.")
    word, *rest = words
    request: dict[str, Any] = {"command": f"/codex-{word}"}
    conversation = options.get("conversation") or environment.get("TIANTING_CODEX_CONVERSATION")
    if word != "status" and conversation:
        request["conversation"] = conversation
    if word == "ask":
        return request | _question(options, rest)
    if len(rest) > 1 or (word == "status" and rest):
        raise WrongUsage(f"`{word}` takes {'nothing' if word == 'status' else 'one value'}.")
    return request | ({"value": rest[0]} if rest else {})


def _question(options: Mapping[str, Any], words: Sequence[str]) -> dict[str, Any]:
    question = sys.stdin.read() if list(words) == ["-"] else " ".join(words)
    if not question.strip():
        raise WrongUsage("`ask` needs a question.")
    asked = {"question": question, "id": os.urandom(16).hex(), "timeout": _timeout(options)}
    if options.get("stream"):
        asked["stream"] = True
    return asked


def _timeout(options: Mapping[str, Any]) -> float:
    told = options.get("timeout", "600")
    try:
        return float(told)
    except ValueError:
        raise WrongUsage(f"--timeout takes seconds, not {told!r}.") from None


def _shown(client: Client, request: Mapping[str, Any], options: Mapping[str, Any]) -> int:
    within = {"within": request["timeout"] + _LATER} if "timeout" in request else {}
    streams = options.get("stream") and not options.get("json")
    reply = client.ask(request, told=_say_json if options.get("json") else _say_delta, **within)
    if options.get("json"):
        _say_json(reply)
    elif not reply["success"]:
        return _complain(reply.get("error", "The daemon does not say why."), 1)
    elif "status" in reply:
        _say_status(reply["status"])
    else:
        if reply.get("reasoning") and not streams:
            sys.stdout.write(f"{reply['reasoning']}\n\n")
        sys.stdout.write("\n" if streams else f"{reply.get('response', '')}\n")
    return 0 if reply["success"] else 1


def _say_json(said: Mapping[str, Any]) -> None:
    import json

    sys.stdout.write(f"{json.dumps(said, ensure_ascii=False)}\n")
    sys.stdout.flush()


def _say_delta(said: Mapping[str, Any]) -> None:
    sys.stdout.write(said.get("reasoning_delta", "") or said.get("delta", ""))
    sys.stdout.flush()


def _say_status(status: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{status['state']}: process {status['pid']}, {status['agent']}, {status['clients']} clients\n")
    for one in status["conversations"]:
        sys.stdout.write(f"{one['name']}  {one['status']}  effort {one['effort']}  {one['cwd']}\n")


def _complain(line: str, code: int) -> int:
    sys.stderr.write(f"tianting-codex: {line}\n")
    return code
