"""Gives a path its plain name: absolute, without `..`, without the detours that `/proc` and `/dev` offer.

Pure. Links are followed by `path_facts`; what stands here needs no look at the disk.
"""

import posixpath
import re

_PROCESS_ROOT = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/root(?=/|$)")
_PROCESS_CWD = re.compile(r"/proc/(?:self|thread-self)(?:/task/\d+)?/cwd(?=/|$)")
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|\d+)(?:/task/\d+)?)/fd(?:/|$)")
_STREAMS = frozenset({"/dev/stdin", "/dev/stdout", "/dev/stderr", *(f"/dev/fd/{number}" for number in range(3))})
_HARMLESS = _STREAMS | {"/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/random", "/dev/urandom"}


def absolute(path: str, cwd: str) -> str:
    """The path from the root, detours of `/proc` taken out, `..` left in: what it means depends on links."""
    path = path if path.startswith("/") else f"{cwd}/{path}"
    if "/proc/" in path:
        previous = ""
        while previous != path:
            previous, path = (
                path,
                _PROCESS_CWD.sub(lambda _: cwd, _PROCESS_ROOT.sub("", re.sub(r"/(?:\./|/)+", "/", path))),
            )
    return path or "/"


def normal(path: str) -> str:
    """An absolute path without `.`, `..` and doubled slashes."""
    if "/." not in path and "//" not in path and path[-1:] != "/":
        return path
    path = posixpath.normpath(path)
    return path[1:] if path.startswith("//") else path


def is_harmless(path: str) -> bool:
    """Whether it is a stream or a source of nothing, which reveals and changes no file."""
    return path in _HARMLESS


def is_descriptor(path: str) -> bool:
    """Whether it names an open file of a process, which may be any file."""
    return path.startswith(("/dev/", "/proc/")) and _DESCRIPTOR.match(path) is not None and path not in _STREAMS


def is_within(path: str, directory: str) -> bool:
    """Whether `path` is the directory or lies in it. Both are normal."""
    return path == directory or path.startswith(directory if directory == "/" else f"{directory}/")
