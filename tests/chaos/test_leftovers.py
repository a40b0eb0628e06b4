"""What is looked for at the end of a chaos run is found where it is."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.leftovers import (
    DRAFT,
    doubled_notes,
    draft,
    has_in_environment,
    keeper_of,
    lost_drafts,
    lost_notes,
    orphans,
)

MARK = (1 << 60) + (7 << 24) + 3
SLEEP = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(60)"]


@pytest.mark.skipif(sys.platform != "linux", reason="windows are kept on Linux")
def test_process_of_the_site_is_found_by_its_environment_or_its_mark(tmp_path: Path) -> None:
    marked = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_RTTIME, (MARK, resource.RLIM_INFINITY))}
    nothing = {"PATH": os.environ["PATH"]}
    by_name = subprocess.Popen(SLEEP, env={**nothing, "HOME": str(tmp_path)}, stdout=subprocess.PIPE)
    by_mark = subprocess.Popen(SLEEP, env=nothing, stdout=subprocess.PIPE, **marked)  # type: ignore[call-overload]
    try:
        for process in (by_name, by_mark):
            assert process.stdout is not None
            process.stdout.readline()
        keeper = keeper_of(by_mark.pid)
        found = orphans(tmp_path, {keeper} if keeper is not None else set())
    finally:
        for process in (by_name, by_mark):
            process.kill()
            process.communicate()

    assert (keeper_of(os.getpid()), keeper) == (None, MARK >> 24)
    assert sorted(int(line.split()[1].rstrip(":")) for line in found) == sorted((by_name.pid, by_mark.pid))


def test_process_that_is_gone_is_nobodys(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()

    assert (has_in_environment(gone.pid, tmp_path), keeper_of(gone.pid)) == (False, None)


def test_draft_that_is_gone_or_changed_is_lost(tmp_path: Path) -> None:
    trees = {window: tmp_path / window for window in ("whole", "changed", "gone")}
    for tree in trees.values():
        tree.mkdir()
    (trees["whole"] / DRAFT).write_text(draft("whole"))
    (trees["changed"] / DRAFT).write_text(draft("whole"))

    assert lost_drafts(trees) == ["changed", "gone"]


def test_notes_are_there_once(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("[n01-1]\n[n01-5]\n[n01-5]\n")

    assert lost_notes(tmp_path, ["[n01-1]", "[n01-5]", "[n01-9]"]) == ["[n01-9]"]
    assert doubled_notes(tmp_path) == ["[n01-5]"]
