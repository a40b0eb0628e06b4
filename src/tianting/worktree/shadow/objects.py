"""Where contents lie: a bare git repository of ours, which git packs and clears, but into which we write ourselves.

    put, put, put ... -> keep      a root and all below it stay
    release -> tidy                what no root holds goes

git never sees the work tree: no filter, attribute, hook or odd name of it can matter. A few objects are written
loose; many become one pack. A crash leaves objects that nothing refers to, and `tidy` removes them.
"""

import contextlib
import hashlib
import os
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from tianting.plumbing.json_lines import make_private_directory
from tianting.protocol.errors import CheckpointError
from tianting.worktree.shadow.git import environment, run_git

Kind = Literal["blob", "tree"]

_PACK_KINDS = {"tree": 2, "blob": 3}
_FEW = 64
"""Objects that are written loose; a pack costs a process."""
_BUFFER_BYTES = 16_000_000
_FAST = 1
"""Compression level. Packing compresses again, later and better."""
_REFS = "refs/kept/"
_UNREFERENCED_FOR = "1.hour.ago"
"""How long new objects live before a root must hold them: another process may be about to name them."""
_CONFIG = b"""[core]
\trepositoryformatversion = 0
\tbare = true
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[pack]
\tthreads = 1
"""


class ObjectStore:
    """One repository. Used by one thread at a time; other processes may write to it meanwhile."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pending: dict[bytes, tuple[Kind, bytes]] = {}
        self._pending_bytes = 0

    def create(self) -> None:
        """Make the repository where there is none. Raises `CheckpointError` or `OSError`."""
        if (self._directory / "HEAD").exists():
            return
        make_private_directory(self._directory)
        run_git(self._directory, "init", "--bare", "--quiet", "--template=", "--object-format=sha1")
        (self._directory / "config").write_bytes(_CONFIG)

    def put(self, kind: Kind, content: bytes, *, known: bytes | None = None) -> bytes:
        """Store `content` and return its id. `known` is an id that is stored for certain."""
        name = object_id(kind, content)
        if name != known and name not in self._pending:
            self._pending[name] = (kind, content)
            self._pending_bytes += len(content)
            if self._pending_bytes > _BUFFER_BYTES:
                self.flush()
        return name

    def flush(self) -> None:
        """Write what `put` gathered. Raises `CheckpointError` or `OSError`."""
        pending, self._pending, self._pending_bytes = self._pending, {}, 0
        if len(pending) > _FEW:
            run_git(self._directory, "index-pack", "--stdin", stdin=_pack(pending.values()))
        else:
            for name, (kind, content) in pending.items():
                self._write_loose(name, _header(kind, content) + content)

    def keep(self, root: bytes) -> None:
        """Hold `root`, written or put, and everything below it until it is released."""
        self.flush()
        path = self._directory / _REFS / root.hex()
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, root.hex().encode() + b"\n")

    def release_all_but(self, roots: Iterable[bytes]) -> None:
        """Hold `roots` and nothing else."""
        names = {f"{_REFS}{root.hex()}" for root in roots}
        held = run_git(self._directory, "for-each-ref", "--format=%(refname)", _REFS).decode().split()
        deletions = "".join(f"delete {name}\n" for name in held if name not in names)
        if deletions:
            run_git(self._directory, "update-ref", "--stdin", stdin=deletions.encode())

    def tidy(self) -> int:
        """Pack what is held and drop what is not; the store's size in bytes after it."""
        run_git(self._directory, "gc", "--quiet", f"--prune={_UNREFERENCED_FOR}")
        return sum(path.stat().st_size for path in self._directory.rglob("*") if path.is_file())

    @contextlib.contextmanager
    def reader(self) -> Iterator["ObjectReader"]:
        """Reads objects for as long as the block lasts."""
        process = subprocess.Popen(
            ("git", "cat-file", "--batch"),
            cwd="/",
            env=environment(self._directory),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(BrokenPipeError), process:  # it may be gone before it is told to go
            yield ObjectReader(process)

    def _write_loose(self, name: bytes, raw: bytes) -> None:
        text = name.hex()
        path = self._directory / "objects" / text[:2] / text[2:]
        try:
            os.utime(path)  # it is there; the new date protects it from a tidying that runs now
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            _write_whole(path, zlib.compress(raw, _FAST), mode=0o400)


class ObjectReader:
    """Gives contents back, one after the other."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def read(self, name: bytes) -> bytes:
        """The content of `name`. Raises `CheckpointError` when it is missing or damaged."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(name.hex().encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _lost(name) from None
        fields = self._process.stdout.readline().split()
        if len(fields) != len(("name", "kind", "size")):
            raise _lost(name)
        size = int(fields[2])
        content = self._process.stdout.read(size + 1)[:-1]
        if len(content) != size:
            raise _lost(name)
        return content


def object_id(kind: Kind, content: bytes) -> bytes:
    """The name git gives to `content`."""
    digest = hashlib.sha1(_header(kind, content), usedforsecurity=False)
    digest.update(content)
    return digest.digest()


def _header(kind: Kind, content: bytes) -> bytes:
    return b"%s %d\0" % (kind.encode(), len(content))


def _write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    temporary = path.parent / f"tmp_obj_{os.urandom(8).hex()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _pack(objects: Iterable[tuple[Kind, bytes]]) -> bytes:
    """A pack, version 2: header, each object as size and compressed content, checksum (gitformat-pack)."""
    bodies = [_pack_size(kind, len(content)) + zlib.compress(content, _FAST) for kind, content in objects]
    pack = b"".join((b"PACK", (2).to_bytes(4, "big"), len(bodies).to_bytes(4, "big"), *bodies))
    return pack + hashlib.sha1(pack, usedforsecurity=False).digest()


def _pack_size(kind: Kind, size: int) -> bytes:
    """Kind and size, four bits of it and then seven in each byte; the top bit says that more follow."""
    encoded = [_PACK_KINDS[kind] << 4 | size & 0x0F]
    size >>= 4
    while size:
        encoded[-1] |= 0x80
        encoded.append(size & 0x7F)
        size >>= 7
    return bytes(encoded)


def _lost(name: bytes) -> CheckpointError:
    return CheckpointError(f"The stored content {name.hex()[:12]} is lost or damaged.")
