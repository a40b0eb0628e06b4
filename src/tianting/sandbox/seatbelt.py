"""The policy as a profile of sandbox-exec(1), for macOS. Not tested: nobody ran it on a Mac yet.

The last rule that fits decides, so the order is: everything, no writing, writing here, not there, secrets.
"""

from tianting.sandbox.policy import SandboxPolicy

PROGRAM = "/usr/bin/sandbox-exec"
SHORTCOMINGS = "sandbox-exec on macOS is untested here, and cannot let single hosts through: no network at all."

_SCRATCH = ("/private/tmp", "/private/var/folders", "/dev/null", "/dev/tty", "/dev/stdout", "/dev/stderr")


def seatbelt_argv(policy: SandboxPolicy) -> list[str]:
    """What stands in front of the command."""
    return [PROGRAM, "-p", "\n".join(_profile(policy))]


def _profile(policy: SandboxPolicy) -> list[str]:
    rules = ["(version 1)", "(allow default)"]
    if policy.files_confined:
        rules.append("(deny file-write*)")
        rules += [f"(allow file-write* (subpath {_quoted(path)}))" for path in (*policy.writable, *_SCRATCH)]
        rules += [f"(deny file-write* (subpath {_quoted(path)}))" for path in policy.read_only]
        rules += [f"(deny file-read* file-write* (subpath {_quoted(path)}))" for path in policy.hidden]
    if policy.network.reach != "all":
        rules.append("(deny network*)")
        if policy.all_unix_sockets:
            rules.append("(allow network* (remote unix-socket))")
        rules += [f"(allow network* (remote unix-socket (path {_quoted(path)})))" for path in policy.unix_sockets]
    rules.append("(deny process-info* (target others))")
    rules.append("(deny signal (target others))")
    return rules


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
