"""What checkpoints cost in a tree of ten thousand files: `python -m benchmarks.checkpoints [files]`."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import anyio

from tianting.worktree.checkpoints import Checkpoints

FILES_PER_FOLDER = 20
REPETITIONS = 15


async def main(files: int) -> None:
    """Print one line for each kind of step: median, best, and processor time of this process, in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="tianting-bench-") as directory:
        root, store = Path(directory, "project"), Path(directory, "store")
        _make_tree(root, files)
        checkpoints = Checkpoints(root, store)
        await _measure("first checkpoint", lambda: checkpoints.take("first"))
        time.sleep(0.2)  # files that are this young are read again
        await _measure("nothing changed", lambda: checkpoints.take("again"), REPETITIONS)
        await _measure("nothing changed, new process", lambda: Checkpoints(root, store).take("again"), 3)
        await _measure("one file changed", lambda: _take_changed(checkpoints, root, 1), REPETITIONS)
        await _measure("hundred files changed", lambda: _take_changed(checkpoints, root, 100), 3)
        await _measure("undo of hundred files", checkpoints.undo)
        shutil.rmtree(root / "0")
        await _measure("undo of rm -rf of a tenth", checkpoints.undo)
        await _measure("tidy", checkpoints.tidy)
        print(f"{'store':32} {sum(path.stat().st_size for path in store.rglob('*') if path.is_file()) / 1e6:8.1f} MB")


def _make_tree(root: Path, files: int) -> None:
    for number in range(files):
        path = _path(root, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(os.urandom(100).hex() * (number % 40))


async def _take_changed(checkpoints: Checkpoints, root: Path, number: int) -> None:
    for index in range(number):
        _path(root, index).write_bytes(os.urandom(1000))
    await checkpoints.take("changed")


def _path(root: Path, number: int) -> Path:
    folder = number // FILES_PER_FOLDER
    return root / f"{folder % 10}" / f"{folder}" / f"{number}.py"


async def _measure(name: str, step: Callable[[], Awaitable[object]], repetitions: int = 1) -> None:
    took, used = [], []
    for _ in range(repetitions):
        started, processor = time.perf_counter(), time.process_time()
        await step()
        took.append(1000 * (time.perf_counter() - started))
        used.append(1000 * (time.process_time() - processor))
    print(f"{name:32} {median(took):8.1f} ms   best {min(took):8.1f} ms   processor {min(used):8.1f} ms")


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
