"""The calls by which rights are given up; that they work is shown in `test_landlock`."""

import ctypes
import os
import struct
from pathlib import Path

import pytest

from tianting.sandbox import landlocked


class RecordingKernel:
    """Takes every call and remembers it, with the memory that was pointed to."""

    def __init__(self, version: int = 7) -> None:
        self.version = version
        self.said: list[tuple[object, ...]] = []

    def syscall(self, number: ctypes.c_long, *values: ctypes.c_long) -> int:
        match number.value, [value.value for value in values]:
            case 444, [0, 0, 1]:
                return self.version
            case 444, [place, size, 0]:
                self.said.append(("ruleset", *struct.unpack(f"={size // 8}Q", ctypes.string_at(place, size))))
                return os.open(os.devnull, os.O_RDONLY)
            case 445, [_, 1, place, 0]:
                rights, descriptor = struct.unpack("=Qi", ctypes.string_at(place, 12))
                self.said.append(("rule", str(Path(f"/proc/self/fd/{descriptor}").readlink()), rights))
            case 446, [_, 0]:
                self.said.append(("restrict",))
        return 0

    def prctl(self, option: ctypes.c_int, *values: ctypes.c_ulong) -> int:
        if option.value == 22:
            length, place = struct.unpack("@HP", ctypes.string_at(values[1].value, 16))
            self.said.append(("filter", ctypes.string_at(place, 8 * length)))
        else:
            self.said.append(("control", option.value, values[0].value))
        return 0


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> RecordingKernel:
    recording = RecordingKernel()
    monkeypatch.setattr(landlocked, "_libc", recording)
    return recording


def test_rights_are_granted_then_all_others_given_up(
    kernel: RecordingKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(os, "execvp", lambda name, argv: begun.append(argv))
    reading, writing = os.pipe()
    os.write(writing, b"12345678")
    os.close(writing)
    (tmp_path / "file").touch()
    rules = [f"filter:{reading}", "list:/", "read:/usr", f"write:{tmp_path}", f"write:{tmp_path}/file", "read:/gone"]

    landlocked.main([*rules, "--", "echo", "--", "x"])

    assert kernel.said == [
        ("ruleset", 0xFFFF, 0, 0b11),
        ("rule", "/", 0b1000),
        ("rule", "/usr", 0b1101),
        ("rule", str(tmp_path), 0xFFFF),
        ("rule", str(tmp_path / "file"), 0xC007),
        ("control", 38, 1),
        ("control", 1, 9),
        ("restrict",),
        ("filter", b"12345678"),
    ]
    assert begun == [["echo", "--", "x"]]


@pytest.mark.parametrize(
    ("version", "ruleset"),
    [
        pytest.param(1, (0x1FFF,), id="1"),
        pytest.param(3, (0x7FFF,), id="3"),
        pytest.param(5, (0xFFFF,), id="5"),
        pytest.param(6, (0xFFFF, 0, 0b11), id="6"),
    ],
)
def test_older_kernels_are_asked_for_what_they_know(
    version: int, ruleset: tuple[int, ...], kernel: RecordingKernel
) -> None:
    landlocked.confine([], version)

    assert kernel.said[0] == ("ruleset", *ruleset)


def test_version_is_told(kernel: RecordingKernel, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        landlocked.main([])

    assert capsys.readouterr().out == "7\n"


def test_wall_that_cannot_be_built_stops_the_command(kernel: RecordingKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "syscall", lambda *_: -1)
    with pytest.raises(OSError, match="system call 444"):
        landlocked.main(["--", "true"])

    monkeypatch.setattr(kernel, "prctl", lambda *_: -1)
    with pytest.raises(OSError, match="prctl 38"):
        landlocked._control(38, 1)
