"""Walks a tree by descriptor: a directory that is exchanged for a link during the walk leads nobody out of it."""

import os
from collections.abc import Iterator

from tianting.plumbing.descriptor_path import path_of
from tianting.tools.permitted_places import LISTING


class HeldTree:
    """The tree below an open directory, which stays open as long as this is used."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._place = path_of(root)

    def entries(self, below: str = "") -> Iterator["os.DirEntry[str]"]:
        """What is in the directory `below`, a path from the root of the tree that ends in a slash, or "".

        Nothing, for one that may not be read, has just gone, or is in another place by now. An entry can be asked
        for its facts until the next one is; its `path` is its name.
        """
        try:
            directory = self._opened(below)
        except OSError:
            return
        try:
            yield from _entries(directory)
        finally:
            if directory != self._root:
                os.close(directory)

    def _opened(self, below: str) -> int:
        if not below:
            return self._root
        directory = os.open(below[:-1], LISTING | os.O_NOFOLLOW, dir_fd=self._root)
        if path_of(directory) != f"{self._place.rstrip('/')}/{below[:-1]}":
            os.close(directory)
            raise NotADirectoryError(below)
        return directory


def _entries(directory: int) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except OSError:
        return
