"""Sees through the programs that run other programs: `timeout 5 rm x` is `rm x`, `bash -c 'rm x'` is, too.

Some add nothing but a circumstance; what they run is judged in their place. Of all others an allow rule must name the
whole command, word for word: `Bash(watch *)` would be a rule for any program. What they seem to run is held against
deny rules and built-in checks all the same, rather once too often than too rarely.
"""

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from tianting.permissions.script import Assignment, Command, Word

_MAX_GUESSES = 12

_RUNS_REST = frozenset({"-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch", "--"})
_SCRIPT_LIKE = re.compile(r"\w\W*[\s;&|]|[\s;&|]\W*\w")

_FURTHER = frozenset(
    {
        "sudo", "doas", "su", "pkexec", "run0", "runuser", "setpriv", "env", "exec", "setsid", "ionice", "chrt",
        "taskset", "flock", "watch", "xargs", "parallel", "find", "fd", "chroot", "unshare", "nsenter", "bwrap",
        "firejail", "systemd-run", "strace", "ltrace", "gdb", "valgrind", "script", "expect", "ssh", "rsh",
        "busybox", "toybox", "setarch", "linux32", "linux64", "unbuffer", "chronic", "entr", "at", "batch", "coproc",
        "trap", "start-stop-daemon", "daemonize", "dbus-run-session", "proxychains", "proxychains4", "torsocks",
        "fakeroot", "numactl", "prlimit", "cpulimit", "caffeinate", "arch", "catchsegv", "dumb-init", "tini", "nice",
        "time", "timeout", "stdbuf", "nohup", "command", "builtin", "noglob", "eval",
    }
)  # fmt: skip
SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh", "mksh", "fish", "ash", "csh", "tcsh", "rbash"})
_WRAPPING = SHELLS | _FURTHER
_OURS = frozenset({"bash", "sh", "dash"})
"""Shells whose grammar is read here; the others have their own."""
ELEVATING = frozenset({"sudo", "doas", "su", "pkexec", "run0", "runuser"})


class Unwrapped(Struct, frozen=True, kw_only=True):
    """What a command runs."""

    instead: Command | None = None
    """Judge this in its place."""
    script: str | None = None
    """Judge this text in its place."""
    hidden: tuple[Command, ...] = ()
    """What it may run; for deny rules and checks."""
    hidden_scripts: tuple[str, ...] = ()
    guessed: bool = False
    """Whether the scripts are only words that look like some."""


def may_wrap(command: Command) -> bool:
    """Whether `unwrap` may find something in it."""
    return command.program.rpartition("/")[2] in _WRAPPING


def unwrap(command: Command) -> Unwrapped | None:
    """What `command` runs; None for a program that runs no other we know of."""
    name = command.program.rpartition("/")[2]
    words = command.words[1:]
    if name in SHELLS:
        return _shell(name, words, exact=command.program == name)
    if name not in _FURTHER or _runs_nothing(name, words):
        return None
    transparent = _TRANSPARENT.get(command.program)
    inner = transparent(words) if transparent else None
    if inner is None:
        return _guesses(words)
    return _instead(command, inner) if isinstance(inner, list) else inner


def _runs_nothing(name: str, words: Sequence[Word]) -> bool:
    """Whether this call of a wrapper is none."""
    given = {word.value for word in words}
    match name:
        case "find":
            return not given & {"-exec", "-execdir", "-ok", "-okdir"}
        case "fd":
            return not given & {"-x", "-X", "--exec", "--exec-batch"}
        case "command":
            return bool(words) and words[0].value in {"-v", "-V"}
        case _:
            return False


def _instead(command: Command, words: Sequence[Word]) -> Unwrapped:
    """The inner command, with the outer one's assignments and those that stand before it."""
    return Unwrapped(
        instead=Command(
            words=tuple(words), assignments=command.assignments, inside=command.inside, evaluates=command.evaluates
        )
    )


def _guesses(words: Sequence[Word]) -> Unwrapped:
    """Every place where the inner command could begin, and every word that could be a script."""
    starts = [index for index, word in enumerate(words) if not word.value.startswith("-")][:_MAX_GUESSES]
    starts += [index + 1 for index, word in enumerate(words[:-1]) if word.value in _RUNS_REST]
    hidden = [Command(words=tuple(words[start:])) for start in dict.fromkeys(starts)]
    scripts = [word.value for word in words if word.literal and _SCRIPT_LIKE.search(word.value)]
    return Unwrapped(hidden=tuple(hidden), hidden_scripts=tuple(scripts), guessed=True)


Inner = list[Word] | Unwrapped | None


def _skipping(valued: str, flags: str, leading: int = 0) -> Callable[[Sequence[Word]], Inner]:
    """Reads options of one letter, then `leading` operands, then the command; None for anything else."""
    option = re.compile(
        rf"-[{flags or '-'}]+|-[{valued or '-'}].+"
        r"|--(?:preserve-status|foreground|adjustment=-?\d+|(?:input|output|error)=\w+)"
    )
    takes_next = re.compile(rf"-[{valued or '-'}]")

    def read(words: Sequence[Word]) -> Inner:
        at = 0
        while at < len(words) and words[at].value.startswith("-") and words[at].value != "--":
            if not words[at].literal:
                return None
            if takes_next.fullmatch(words[at].value):
                at += 2
            elif option.fullmatch(words[at].value):
                at += 1
            else:
                return None
        at += at < len(words) and words[at].value == "--"
        at += leading
        return list(words[at:]) if at < len(words) and all(word.literal for word in words[:at]) else None

    return read


def _nice(words: Sequence[Word]) -> Inner:
    if words and re.fullmatch(r"-\d+", words[0].value):
        words = words[1:]
    return _skipping("n", "")(words)


def _bare_xargs(words: Sequence[Word]) -> Inner:
    """xargs adds words that nobody knows."""
    if not words or words[0].value.startswith("-") or not words[0].literal:
        return None
    return [*words, Word("", "\0", ("",))]


def _env(words: Sequence[Word]) -> Inner:
    at = 0
    assignments: list[Assignment] = []
    while at < len(words) and (found := re.match(r"([A-Za-z_]\w*)=", words[at].value)):
        value = words[at].value[found.end() :]
        assignments.append(Assignment(found[1], Word(value, value, words[at].names)))
        at += 1
    if at == len(words) or words[at].value.startswith("-") or not words[at].literal:
        return None
    return Unwrapped(instead=Command(words=tuple(words[at:]), assignments=tuple(assignments)))


def _plain(words: Sequence[Word]) -> Inner:
    return list(words) if words and not words[0].value.startswith("-") else None


def _eval(words: Sequence[Word]) -> Inner:
    if not words or not all(word.literal for word in words):
        return None
    return Unwrapped(script=" ".join(word.value for word in words))


_TRANSPARENT: dict[str, Callable[[Sequence[Word]], Inner]] = {
    "timeout": _skipping("ks", "v", leading=1),
    "time": _skipping("", "p"),
    "nice": _nice,
    "nohup": _plain,
    "stdbuf": _skipping("ioe", ""),
    "command": _skipping("", "p"),
    "builtin": _plain,
    "noglob": _plain,
    "exec": _plain,
    "env": _env,
    "xargs": _bare_xargs,
    "eval": _eval,
}


def is_shell_reading_input(command: Command) -> bool:
    """Whether it is a shell that takes its commands from what is piped to it."""
    if command.program.rpartition("/")[2] not in SHELLS:
        return False
    words = command.words[1:]
    if any(re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word.value) for word in words):
        return False
    given = [word.value for word in words if not word.value.startswith(("-", "+")) or word.value == "-"]
    return not given or given[0] in {"-", "/dev/stdin", "/dev/fd/0"} or any(word.value == "-s" for word in words)


def _shell(name: str, words: Sequence[Word], *, exact: bool) -> Unwrapped | None:
    """`sh -c 'text'`; a shell that is given a file runs what nobody here has read."""
    at = next((index for index, word in enumerate(words) if re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word.value)), None)
    if at is None:
        return None
    script = next((word for word in words[at + 1 :] if not word.value.startswith(("-", "+"))), None)
    if script is None or not script.literal:
        return Unwrapped(hidden_scripts=(script.value.replace("\0", "$X"),) if script else ())
    clean = exact and name in _OURS and all(re.fullmatch(r"-[ceux]+", word.value) for word in words[: at + 1])
    if clean and words[at + 1] is script:
        return Unwrapped(script=script.value)
    return Unwrapped(hidden_scripts=(script.value,))
