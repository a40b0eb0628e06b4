"""The store is a repository that git itself can read, pack and clear."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.protocol.errors import CheckpointError
from tianting.worktree.shadow import git as git_module
from tianting.worktree.shadow.git import run_git
from tianting.worktree.shadow.lock import locked
from tianting.worktree.shadow.objects import ObjectStore, object_id
from tianting.worktree.shadow.trees import TreeEntry, decode_tree, encode_tree


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "objects.git"


@pytest.fixture
def store(directory: Path) -> ObjectStore:
    store = ObjectStore(directory)
    store.create()
    store.create()
    return store


@pytest.mark.parametrize("number", [pytest.param(3, id="loose"), pytest.param(200, id="packed")])
def test_what_is_put_can_be_read(store: ObjectStore, directory: Path, number: int) -> None:
    contents = [b"x" * size for size in range(0, number * 20, 20)]
    names = [store.put("blob", content) for content in contents]
    tree = store.put("tree", encode_tree(TreeEntry(name.hex().encode(), 0o100644, name) for name in names))

    store.keep(tree)

    with store.reader() as reader:
        assert [reader.read(name) for name in names] == contents
        assert [entry.id for entry in decode_tree(reader.read(tree)).values()] == sorted(names)
    subprocess.run(["git", "fsck", "--strict"], cwd=directory, check=True, capture_output=True)


def test_buffer_is_written_before_it_is_large(
    store: ObjectStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianting.worktree.shadow.objects._BUFFER_BYTES", 10)

    store.put("blob", b"x" * 11)

    assert len(list((directory / "objects").glob("??/*"))) == 1


def test_only_what_is_held_survives_tidying(
    store: ObjectStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianting.worktree.shadow.objects._UNREFERENCED_FOR", "now")
    kept, gone = store.put("blob", b"kept"), store.put("blob", b"gone")
    for name in (kept, gone):
        store.keep(store.put("tree", encode_tree([TreeEntry(b"a", 0o100644, name)])))

    store.release_all_but([store.put("tree", encode_tree([TreeEntry(b"a", 0o100644, kept)]))])
    size = store.tidy()

    assert size == sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    with store.reader() as reader:
        assert reader.read(kept) == b"kept"
        with pytest.raises(CheckpointError, match=f"stored content {gone.hex()[:12]} is lost"):
            reader.read(gone)


def test_modes_and_names_that_git_never_writes_survive_packing(store: ObjectStore) -> None:
    empty, blob = store.put("tree", b""), store.put("blob", b"x")
    entries = [
        TreeEntry(b"closed", 0o100600, blob),
        TreeEntry(b"set-uid", 0o104755, blob),
        TreeEntry(b"empty", 0o040750, empty),
        TreeEntry(b".git", 0o040755, empty),
        TreeEntry(b"odd\n\xff\\", 0o120777, blob),
    ]
    root = store.put("tree", encode_tree(entries))
    store.keep(root)
    store.tidy()

    with store.reader() as reader:
        assert decode_tree(reader.read(root)) == {entry.name: entry for entry in entries}


def test_unusable_repository_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"git gc failed on .*: fatal: not a git repository"):
        ObjectStore(tmp_path / "nothing").tidy()
    with ObjectStore(tmp_path / "nothing").reader() as reader:
        for _ in range(3):  # the pipe breaks at one of them
            with pytest.raises(CheckpointError, match="is lost or damaged"):
                reader.read(object_id("blob", b""))
    monkeypatch.setattr(git_module, "TIMEOUT", -1.0)
    with pytest.raises(CheckpointError, match="git gc took longer than"):
        run_git(tmp_path, "gc")


def test_lock_has_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.worktree.shadow.lock.PATIENCE", 0.03)

    held = locked(tmp_path / "lock")
    with held, pytest.raises(CheckpointError, match="Another process holds"), locked(tmp_path / "lock"):
        raise AssertionError("two have it")


NAMES = st.binary(min_size=1, max_size=5).filter(lambda name: not {0, ord("/")} & set(name))
MODES = st.sampled_from([0o100644, 0o100755, 0o100400, 0o104755, 0o120777, 0o040755, 0o040700])
ENTRIES = st.dictionaries(NAMES, st.tuples(MODES, st.binary(min_size=20, max_size=20)))


@given(ENTRIES)
def test_trees_are_read_as_they_were_written(entries: dict[bytes, tuple[int, bytes]]) -> None:
    tree = {name: TreeEntry(name, mode, target) for name, (mode, target) in entries.items()}

    assert decode_tree(encode_tree(tree.values())) == tree


def test_id_of_a_tree_is_that_of_git(store: ObjectStore, directory: Path) -> None:
    blob = store.put("blob", b"x")
    tree = store.put("tree", encode_tree([TreeEntry(b"a.b", 0o100644, blob), TreeEntry(b"a", 0o040000, blob)]))
    listing = f"100644 blob {blob.hex()}\ta.b\n040000 tree {blob.hex()}\ta\n".encode()

    assert run_git(directory, "mktree", "--missing", stdin=listing).decode().strip() == tree.hex()
