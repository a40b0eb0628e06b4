"""What differs between two stored trees. Folders that are equal are not looked into."""

from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from tianting.worktree.shadow.objects import ObjectReader
from tianting.worktree.shadow.trees import TreeEntry, decode_tree


class Difference(Struct, frozen=True):
    """One path that is not the same. A file that became a folder is two: it went, and a folder came."""

    path: bytes
    before: TreeEntry | None
    after: TreeEntry | None

    @property
    def kind(self) -> Literal["created", "deleted", "changed"]:
        """What happened on the way from before to after."""
        if self.before is None:
            return "created"
        return "deleted" if self.after is None else "changed"

    @property
    def is_folder(self) -> bool:
        """Whether it is about a folder itself."""
        return any(entry is not None and entry.is_folder for entry in (self.before, self.after))


def compare(before: TreeEntry, after: TreeEntry, reader: ObjectReader) -> list[Difference]:
    """All differences between two folders and below them, parents before children. Raises what the reader raises."""
    return list(_compared(b"", before, after, reader))


def _compared(
    path: bytes, before: TreeEntry | None, after: TreeEntry | None, reader: ObjectReader
) -> Iterator[Difference]:
    if before == after:
        return
    if before is not None and after is not None and before.is_folder != after.is_folder:
        yield from _compared(path, before, None, reader)
        yield from _compared(path, None, after, reader)
        return
    if not _differs_below_only(before, after):
        yield Difference(path, before, after)
    olds, news = _children(before, reader), _children(after, reader)
    for name in sorted(olds.keys() | news.keys()):
        yield from _compared(path + b"/" + name if path else name, olds.get(name), news.get(name), reader)


def _differs_below_only(before: TreeEntry | None, after: TreeEntry | None) -> bool:
    return before is not None and after is not None and before.is_folder and before.mode == after.mode


def _children(entry: TreeEntry | None, reader: ObjectReader) -> Mapping[bytes, TreeEntry]:
    return decode_tree(reader.read(entry.id)) if entry is not None and entry.is_folder else {}
