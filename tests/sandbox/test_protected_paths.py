"""Protected paths that no mount can hold are put right afterwards, and nothing is lost."""

from pathlib import Path

from tianting.sandbox.protected_paths import SUFFIX, ProtectedPaths


def moved(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}{SUFFIX}-*"))


def test_new_file_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / ".envrc"
    watched = ProtectedPaths([str(path)])
    path.write_text("evil")

    assert watched.restore() == (str(path),)
    assert (path.exists(), [left.read_text() for left in moved(path)]) == (False, ["evil"])


def test_exchanged_link_points_where_it_did(tmp_path: Path) -> None:
    path = tmp_path / "hooks"
    path.symlink_to("/old")
    watched = ProtectedPaths([str(path)])
    path.unlink()
    path.symlink_to("/evil")

    assert watched.restore() == (str(path),)
    assert (str(path.readlink()), len(moved(path))) == ("/old", 1)


def test_removed_link_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "hooks"
    path.symlink_to("/old")
    watched = ProtectedPaths([str(path)])
    path.unlink()

    assert (watched.restore(), str(path.readlink())) == ((str(path),), "/old")


def test_untouched_paths_stay(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/old")
    watched = ProtectedPaths([str(link), str(tmp_path / "missing")])

    assert (watched.restore(), watched.restore()) == ((), ())


def test_what_cannot_be_put_right_is_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "hooks"
    path.parent.mkdir()
    path.symlink_to("/old")
    watched = ProtectedPaths([str(path)])
    path.unlink()
    path.parent.rmdir()

    assert watched.restore() == ()
