"""An attacker swaps a link between the permission of a call and its run: nothing outside may be read or changed.

Every path that is asked for leads to `inside` when it is permitted and to `outside` when the tool runs. The files there
are equal in length and age, so that nothing but the place can give the swap away.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tests.tools.test_read_forms import pdf
from tianting.agent.dispatch import Prepared, ToolDispatcher
from tianting.agent.limits import Limits
from tianting.permissions.decision import Allow, Weigh, as_judged
from tianting.plumbing.atomic_file import replace_in
from tianting.protocol.content import ToolUse
from tianting.protocol.tool_calls import Access, CallResult, ToolCall
from tianting.tools import grep
from tianting.tools.apply_patch import ApplyPatch
from tianting.tools.contract import AnyTool
from tianting.tools.edit import Edit
from tianting.tools.editing import file_changes
from tianting.tools.glob import Glob
from tianting.tools.grep import Grep
from tianting.tools.ls import LS
from tianting.tools.multi_edit import MultiEdit
from tianting.tools.permitted_places import opened
from tianting.tools.read import Read
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.searching.backends import BACKENDS, GitGrep
from tianting.tools.searching.held_tree import HeldTree
from tianting.tools.searching.run import RawResults, run_search
from tianting.tools.workspace import Workspace
from tianting.tools.write import Write

pytestmark = pytest.mark.anyio

SECRET = "SECRETS"
HARMLESS = "nothing"
REFUSED = "leads to another place than was permitted"
PNG = b"\x89PNG\r\n\x1a\n"


class YesGate:
    """Permits everything: what is tested comes after."""

    async def decide(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh = as_judged) -> Allow:
        return Allow()


class Desk:
    """A work tree, a place outside of it, and the tools."""

    def __init__(self, root: Path, *, git: bool = False) -> None:
        self.work, self.inside, self.outside = root / "work", root / "work" / "inside", root / "outside"
        for directory, word in ((self.inside, HARMLESS), (self.outside, SECRET)):
            fill(directory, word)
        (self.work / "dir").symlink_to("inside")
        (self.work / "real").mkdir()
        fill(self.work / "real" / "deep", HARMLESS)
        for name in ("a.txt", "a.png", "a.pdf", "a.ipynb"):
            (self.work / f"link-{name}").symlink_to(f"inside/{name}")
        self.ledger = ReadLedger()
        workspace = Workspace(self.work)
        tools: list[AnyTool] = [kind(workspace, self.ledger) for kind in (Read, Edit, MultiEdit, Write)]
        tools += [ApplyPatch(workspace, self.ledger), Glob(workspace), LS(workspace)]
        tools += [Grep(workspace, (GitGrep(),) if git else BACKENDS)]
        self.dispatcher = ToolDispatcher(tools, YesGate(), Limits())

    async def answer(self, call: ToolUse, swap: Callable[[], None] = lambda: None) -> CallResult:
        """Let `call` be permitted, swap, and run it."""
        for path in (self.work / "dir" / "a.txt", self.work / "link-a.txt", self.work / "real" / "deep" / "a.txt"):
            self.ledger.note(path, whole=True)
        prepared = self.dispatcher.prepare(call)
        assert isinstance(prepared, Prepared)
        permitted = await self.dispatcher.permit(prepared)
        assert isinstance(permitted, Prepared)
        swap()
        with anyio.fail_after(20):
            return await self.dispatcher.run(permitted)


def fill(directory: Path, word: str) -> None:
    """One file of each form that holds `word`, all of the same age."""
    directory.mkdir(parents=True)
    notebook = {"cells": [{"cell_type": "code", "source": f"x = '{word}'"}], "nbformat": 4}
    contents = {
        "a.txt": f"x = 1\n# {word}\n".encode(),
        "a.png": PNG + word.encode(),
        "a.pdf": pdf([word]),
        "a.ipynb": msgspec.json.encode(notebook),
        f"{word}.md": word.encode(),
    }
    for name, content in contents.items():
        (directory / name).write_bytes(content)
        os.utime(directory / name, (1, 1))


def picture(directory: Path) -> dict[str, tuple[bytes | None, int, int]]:
    """Everything below `directory`."""
    return {
        str(path.relative_to(directory)): (
            path.read_bytes() if path.is_file() else None,
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
        )
        for path in sorted(directory.rglob("*"))
    }


def swap_links(desk: Desk) -> None:
    """Let everything lead to `outside`: links to files, to directories, and a directory that was none."""
    for link in [path for path in desk.work.iterdir() if path.is_symlink()]:
        target = str(link.readlink()).replace("inside", "../outside")
        link.unlink()
        link.symlink_to(target)
    (desk.work / "real").rename(desk.work / "was-real")
    (desk.work / "real").symlink_to("..")
    (desk.outside.parent / "deep").symlink_to("outside")


def use(name: str, **arguments: Any) -> ToolUse:
    return ToolUse(id="call-1", name=name, input=arguments)


def patch(*lines: str) -> ToolUse:
    return use("apply_patch", patch="\n".join(["*** Begin Patch", *lines, "*** End Patch"]))


UPDATE = ("-x = 1", "+x = 2")
EDIT = {"old_string": "x = 1", "new_string": "x = 2"}


def calls() -> Iterator[Any]:
    """Every way to a file or directory, through each kind of link."""
    for path, kind in (("link-a", "link"), ("dir/a", "linked directory"), ("real/deep/a", "directory that was real")):
        for suffix in ("txt", "png", "pdf", "ipynb"):
            yield pytest.param(use("Read", file_path=f"{path}.{suffix}"), id=f"Read {suffix} by {kind}")
        text = f"{path}.txt"
        yield pytest.param(use("Edit", file_path=text, **EDIT), id=f"Edit by {kind}")
        yield pytest.param(use("MultiEdit", file_path=text, edits=[EDIT]), id=f"MultiEdit by {kind}")
        yield pytest.param(use("Write", file_path=text, content="y"), id=f"Write by {kind}")
        yield pytest.param(patch(f"*** Update File: {text}", *UPDATE), id=f"update by {kind}")
        yield pytest.param(patch(f"*** Update File: {text}", "*** Move to: b", *UPDATE), id=f"move from {kind}")
        mode = {"pattern": "SECRET|nothing", "output_mode": "content"}
        yield pytest.param(use("Grep", path=text, **mode), id=f"Grep a file by {kind}")
    for path, kind in (("dir", "linked directory"), ("real/deep", "directory that was real")):
        yield pytest.param(use("Read", file_path=path), id=f"Read {kind}")
        yield pytest.param(use("Edit", file_path=f"{path}/new", old_string="", new_string="x"), id=f"create in {kind}")
        yield pytest.param(use("Write", file_path=f"{path}/new", content="x"), id=f"Write new in {kind}")
        yield pytest.param(use("Write", file_path=f"{path}/b/c/new", content="x"), id=f"Write deep in {kind}")
        yield pytest.param(patch(f"*** Add File: {path}/new", "+x"), id=f"add in {kind}")
        yield pytest.param(patch(f"*** Delete File: {path}/a.txt"), id=f"delete in {kind}")
        yield pytest.param(patch(f"*** Delete File: {path}/a.png"), id=f"delete a binary in {kind}")
        yield pytest.param(
            patch("*** Update File: inside/a.txt", f"*** Move to: {path}/new", *UPDATE), id=f"move to {kind}"
        )
        yield pytest.param(use("Grep", path=path, **mode), id=f"Grep {kind}")
        yield pytest.param(use("Grep", path=path, pattern="SECRET"), id=f"Grep for files in {kind}")
        yield pytest.param(use("Glob", path=path, pattern="**"), id=f"Glob {kind}")
        yield pytest.param(use("Glob", pattern=f"{path}/*.nope"), id=f"Glob in vain {kind}")
        yield pytest.param(use("LS", path=path), id=f"LS {kind}")


CALLS = list(calls())
FOUND = [call for call in CALLS if call.id not in {"Read linked directory", "Read directory that was real"}]


@pytest.mark.parametrize("call", CALLS)
async def test_swapped_link_leads_nowhere(tmp_path: Path, call: ToolUse) -> None:
    await expect_refusal(Desk(tmp_path), call)


@pytest.mark.parametrize("call", [call for call in CALLS if str(call.id).startswith("Grep")])
async def test_swapped_link_leads_nowhere_without_ripgrep(tmp_path: Path, call: ToolUse) -> None:
    await expect_refusal(Desk(tmp_path, git=True), call)


async def expect_refusal(desk: Desk, call: ToolUse) -> None:
    outside, inside = picture(desk.outside), picture(desk.inside)

    result = await desk.answer(call, lambda: swap_links(desk))

    assert (result.outcome, REFUSED in str(result.content)) == ("failed", True), result.content
    assert "SECRET" not in f"{result.content}{result.data}"
    assert picture(desk.outside) == outside
    assert picture(desk.inside) == inside


@pytest.mark.parametrize("call", FOUND)
async def test_link_that_stays_is_followed(tmp_path: Path, call: ToolUse) -> None:
    assert (await Desk(tmp_path).answer(call)).outcome == "ok"


async def test_link_that_is_deleted_goes_itself_wherever_it_leads(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    outside = picture(desk.outside)

    def swap() -> None:
        (desk.work / "link-a.txt").unlink()
        (desk.work / "link-a.txt").symlink_to("../outside/a.txt")

    result = await desk.answer(patch("*** Delete File: link-a.txt"), swap)

    assert "SECRET" not in f"{result.content}{result.data}"
    assert picture(desk.outside) == outside
    assert not (desk.work / "link-a.txt").is_symlink()


async def test_link_laid_where_a_file_shall_come_is_not_followed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    outside = picture(desk.outside)

    result = await desk.answer(
        use("Write", file_path="new", content="x"), lambda: (desk.work / "new").symlink_to("../outside/new")
    )

    assert (result.outcome, picture(desk.outside)) == ("failed", outside)


@pytest.mark.parametrize(
    ("call", "changed"),
    [
        pytest.param(use("Edit", file_path="real/deep/a.txt", **EDIT), "a.txt", id="edit"),
        pytest.param(use("Write", file_path="real/deep/new", content="x"), "new", id="new file"),
        pytest.param(use("Write", file_path="real/deep/b/c/new", content="x"), "b/c/new", id="new directories"),
        pytest.param(
            patch("*** Add File: real/deep/new", "+x", "*** Update File: real/deep/a.txt", *UPDATE), "new", id="patch"
        ),
    ],
)
async def test_directory_swapped_during_the_change_leads_it_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: ToolUse, changed: str
) -> None:
    desk = Desk(tmp_path)
    outside, inside = picture(desk.outside), picture(desk.inside)

    def swap_and_replace(*arguments: Any, **options: Any) -> os.stat_result:
        if not (desk.work / "real").is_symlink():
            swap_links(desk)
        return replace_in(*arguments, **options)

    monkeypatch.setattr(file_changes, "replace_in", swap_and_replace)
    result = await desk.answer(call)

    assert (result.outcome, picture(desk.outside), picture(desk.inside)) == ("ok", outside, inside)
    assert (desk.work / "was-real" / "deep" / changed).read_bytes() in {b"x", b"x\n", b"x = 2\n# nothing\n"}


async def test_directory_exchanged_while_it_is_made_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    outside, mkdir = picture(desk.outside), os.mkdir

    def make_and_exchange(name: str, *, dir_fd: int) -> None:
        mkdir(name, dir_fd=dir_fd)
        os.rename(name, f"{name}-was", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        os.symlink(desk.outside, name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", make_and_exchange)
    result = await desk.answer(use("Write", file_path="fresh/new", content="x"))

    assert (result.outcome, picture(desk.outside)) == ("failed", outside)


@pytest.mark.parametrize("git", [pytest.param(False, id="rg"), pytest.param(True, id="git")])
@pytest.mark.parametrize("path", ["dir", "real/deep", "dir/a.txt", "real/deep/a.txt"])
async def test_search_runs_where_it_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, git: bool
) -> None:
    desk = Desk(tmp_path, git=git)

    async def swap_and_search(*arguments: Any) -> RawResults:
        swap_links(desk)
        return await run_search(*arguments)

    monkeypatch.setattr(grep, "run_search", swap_and_search)
    result = await desk.answer(use("Grep", path=path, pattern="SECRET|# nothing", output_mode="content"))

    name = path.removesuffix("/a.txt")
    assert result.content == f"{name}/a.txt:2: # nothing"


async def test_directory_exchanged_during_a_walk_is_left_out(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with opened(desk.work) as root:
        tree = HeldTree(root)
        before = [entry.name for entry in tree.entries("real/deep/")]

        swap_links(desk)

        assert f"{HARMLESS}.md" in before
        assert [list(tree.entries(path)) for path in ("real/deep/", "real/outside/", "dir/")] == [[], [], []]


async def test_rules_about_what_was_searched_hold_when_the_link_has_moved_on(tmp_path: Path) -> None:
    """The search ran in the permitted directory; the names of its results lead to another one by now."""
    desk = Desk(tmp_path)
    workspace = Workspace(desk.work)
    forbidden = {str(desk.inside / "a.txt")}

    def may_read(path: str) -> bool:
        swapped.unlink()
        swapped.symlink_to("../outside")
        return os.path.realpath(path) not in forbidden

    swapped, workspace.may_read = desk.work / "dir", may_read
    dispatcher = ToolDispatcher([Grep(workspace)], YesGate(), Limits())
    prepared = dispatcher.prepare(use("Grep", path="dir", pattern="nothing", glob="*.txt"))
    assert isinstance(prepared, Prepared)

    assert str((await dispatcher.run(prepared)).content).startswith('No match for "nothing"')


_FLIPPER = """
import os, sys
link, *targets = sys.argv[1:]
print("flipping", flush=True)
while True:
    for target in targets:
        os.symlink(target, link + ".tmp")
        os.replace(link + ".tmp", link)
"""


@pytest.fixture
def flipping(tmp_path: Path) -> Iterator[Desk]:
    """A desk where `dir` leads now inside and now outside, as fast as another process can change it."""
    desk = Desk(tmp_path)
    command = [sys.executable, "-c", _FLIPPER, str(desk.work / "dir"), "inside", str(desk.outside)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as flipper:
        assert flipper.stdout
        assert flipper.stdout.readline() == b"flipping\n"
        yield desk
        flipper.send_signal(signal.SIGKILL)


async def test_two_hundred_races_are_all_won(flipping: Desk) -> None:
    """A call that is permitted for outside counts for nothing: only those permitted for inside are run."""
    outside = picture(flipping.outside)
    ran, attempts = 0, iter(range(5_000))

    while ran < 200:
        number = next(attempts)
        call = (
            use("Read", file_path="dir/a.txt"),
            use("Write", file_path=f"dir/new{number}", content="mine"),
            patch(f"*** Add File: dir/added{number}", "+mine"),
            use("LS", path="dir"),
        )[number % 4]
        prepared = flipping.dispatcher.prepare(call)
        if isinstance(prepared, CallResult) or str(flipping.outside) in str(prepared.accesses):
            continue
        result = await flipping.dispatcher.run(prepared)
        assert "SECRET" not in f"{result.content}{result.data}"
        ran += 1

    assert picture(flipping.outside) == outside
