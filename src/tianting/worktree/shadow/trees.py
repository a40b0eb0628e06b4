"""Folders as git's tree objects, with more in them than git itself writes.

A mode is whole (`100600`, `40750`): git reads such modes and takes them for its own few. Empty folders and names of
any bytes are in order, because no index of git ever sees them. Format: git's `Documentation/gitformat-pack` and
`tree.c`: `<octal mode> <name>\\0<20 bytes>`, sorted by name, where a folder's name counts as if it ended with `/`.
"""

import stat
from collections.abc import Iterable

from msgspec import Struct

ID_BYTES = 20


class TreeEntry(Struct, frozen=True):
    """One name in a folder."""

    name: bytes
    mode: int
    """As in `st_mode`: kind and permissions."""
    id: bytes
    """Of a blob (a link's blob holds where it points to) or of a tree."""

    @property
    def is_folder(self) -> bool:
        """Whether `id` is a tree's."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether the blob is a symlink's target."""
        return stat.S_ISLNK(self.mode)


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """The content of a tree object."""
    return b"".join(b"%o %s\0%s" % (entry.mode, entry.name, entry.id) for entry in sorted(entries, key=_order))


def decode_tree(content: bytes) -> dict[bytes, TreeEntry]:
    """The entries of a tree that `encode_tree` wrote, by name."""
    entries = {}
    position = 0
    while position < len(content):
        space = content.index(b" ", position)
        end = content.index(b"\0", space)
        mode, name = int(content[position:space], 8), content[space + 1 : end]
        position = end + 1 + ID_BYTES
        entries[name] = TreeEntry(name, mode, content[end + 1 : position])
    return entries


def _order(entry: TreeEntry) -> bytes:
    return entry.name + b"/" if entry.is_folder else entry.name
