"""Output is shown whole where it fits; where not, the model gets head, tail and the name of a file with all of it."""

import tracemalloc
from pathlib import Path

import pytest

from tianting.tools.shell.output import LIMIT, TAIL, ShellOutput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outputs" / "command-1.txt"


def gathered(path: Path, *parts: bytes, file_limit: int = 1 << 20) -> ShellOutput:
    output = ShellOutput(path, file_limit=file_limit)
    for part in parts:
        output.write(part)
    output.finish()
    return output


def lines(count: int) -> bytes:
    return b"".join(b"line %5d\n" % number for number in range(count))


@pytest.mark.parametrize("failed", [False, True], ids=["succeeded", "failed"])
def test_short_output_is_shown_whole_and_needs_no_file(path: Path, failed: bool) -> None:
    output = gathered(path, b"one\ntw", b"o")

    assert (output.shown(failed=failed), output.is_clipped(failed=failed)) == ("one\ntwo", False)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("failed", "count", "head", "tail"),
    [
        pytest.param(False, 10_000, 15_000, 15_000, id="succeeded"),
        pytest.param(True, 10_000, 2_000, 8_000, id="failed"),
        pytest.param(True, 2_000, 2_000, 8_000, id="failed, short enough for a success"),
    ],
)
def test_long_output_is_cut_between_lines(path: Path, failed: bool, count: int, head: int, tail: int) -> None:
    written = lines(count)
    output = gathered(path, written)

    first, last = head // 11 * 11, tail // 11 * 11
    assert output.shown(failed=failed) == (
        written[:first].decode()
        + f"[... {len(written) - first - last:,} characters left out ...]\n"
        + written[-last:].decode()
        + f"[clipped: {len(written):,} characters; all of it in {path}, Grep it]"
    )
    assert path.read_bytes() == written


def test_one_long_line_is_cut_anywhere(path: Path) -> None:
    shown = gathered(path, b"a" * 20_000, b"b" * 20_000).shown(failed=False)

    assert shown == (
        "a" * TAIL
        + "\n[... 10,000 characters left out ...]\n"
        + "b" * TAIL
        + f"\n[clipped: 40,000 characters; all of it in {path}, Grep it]"
    )


def test_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "session" / "results" / "output.txt"
    gathered(path, b"x" * (LIMIT + 1))

    assert [place.stat().st_mode & 0o777 for place in (path, *path.parents[:3])] == [0o600, 0o700, 0o700, 0o700]


def test_mirrored_output_is_in_the_file_line_by_line(path: Path) -> None:
    output = ShellOutput(path)
    output.write(b"before\n")
    output.mirror()
    output.write(b"after\nhalf")

    assert path.read_text() == "before\nafter\n"
    output.finish()
    assert path.read_text() == "before\nafter\nhalf"


def test_new_output_is_given_once(path: Path) -> None:
    output = ShellOutput(path)
    output.write(b"one\nPassword:")
    first = output.take_new()
    second = output.take_new()
    output.write(b" two\n")

    assert (first, second, output.take_new()) == ("one\nPassword:", "", " two\n")


def test_much_new_output_is_cut_to_its_end(path: Path) -> None:
    output = ShellOutput(path)
    output.write(lines(2_000))

    last = TAIL // 11 * 11
    assert output.take_new() == (
        f"[clipped: 22,000 characters; all of it in {path}, Grep it]\n" + lines(2_000)[-last:].decode()
    )
    assert path.read_bytes() == lines(2_000)


def test_shown_output_of_a_running_command_goes_on_in_the_file(path: Path) -> None:
    output = ShellOutput(path)
    output.write(lines(4_000))
    output.shown(failed=False)
    output.write(b"later\n")
    output.finish()

    assert path.read_bytes() == lines(4_000) + b"later\n"


def test_file_stops_growing_and_the_model_is_told(path: Path) -> None:
    shown = gathered(path, b"x" * 50_000, file_limit=40_000).shown(failed=True)

    assert path.stat().st_size == 40_000
    assert shown.endswith(f"[clipped: 50,000 characters; {path} ends after 40,000 bytes]")


def test_file_that_cannot_be_written_is_only_noted(path: Path) -> None:
    path.parent.write_text("in the way")

    shown = gathered(path, b"x" * 50_000).shown(failed=False)

    assert shown.endswith(f"[clipped: 50,000 characters; {path} could not be written: File exists]")


def test_flood_stays_small_in_memory(path: Path) -> None:
    output = ShellOutput(path, file_limit=1 << 20)
    chunk = lines(6_000)
    output.write(chunk)
    tracemalloc.start()
    for _ in range(300):
        output.write(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert output.length == 301 * len(chunk)
    assert peak < 1_000_000
