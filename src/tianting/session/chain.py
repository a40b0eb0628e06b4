"""Which lines of a transcript are the conversation, and which were left behind.

Every line names its parent. The newest line that says something is the end of the conversation; walking from parent to
parent gives the rest. Abandoned branches and sub-agents' lines fall away. Some writers hang the results of
parallel calls beside the walk, each on its own call: those are taken in again.
"""

from collections.abc import Sequence

from msgspec import Struct

from tianting.session.attachments import attached
from tianting.session.lines import Line


class Chain(Struct, frozen=True, kw_only=True):
    """The conversation's lines, in the order they were written."""

    lines: tuple[Line, ...]
    leaf: str | None
    """The line that the next one hangs on."""


def chain_of(lines: Sequence[Line]) -> Chain:
    """Find the conversation in a file's lines. It reaches back beyond compactions."""
    links = _links(lines)
    leaf = next((link for link in reversed(links.values()) if _ends_it(link.line)), None)
    return _chain_to(leaf, links)


def chain_before(lines: Sequence[Line], uuid: str) -> Chain | None:
    """The conversation as it was before the line `uuid`, be that still a part of it or not. None without that line."""
    links = _links(lines)
    link = links.get(uuid)
    return None if link is None else _chain_to(_parent(link, links), links)


def chain_up_to(lines: Sequence[Line], uuid: str) -> Chain | None:
    """The conversation up to and with the line `uuid`, whose calls keep their results. None without that line."""
    links = _links(lines)
    link = links.get(uuid)
    return None if link is None else _chain_to(link, links)


class _Link(Struct, frozen=True):
    uuid: str
    line: Line
    before: str | None
    """The line that stands before it in the file."""


def _chain_to(leaf: _Link | None, links: dict[str, _Link]) -> Chain:
    if leaf is None:
        return Chain(lines=(), leaf=None)
    kept = _walk(leaf, links)
    for link in links.values():
        if link.uuid not in kept and _belongs_beside(link.line, kept):
            kept[link.uuid] = link.line
    return Chain(lines=tuple(link.line for link in links.values() if link.uuid in kept), leaf=leaf.uuid)


def _links(lines: Sequence[Line]) -> dict[str, _Link]:
    """The main conversation's lines by uuid, oldest first. Of a line that comes twice, the first counts."""
    links: dict[str, _Link] = {}
    before: str | None = None
    for line in lines:
        if line.uuid is not None and not line.is_sidechain and line.uuid not in links:
            links[line.uuid] = _Link(line.uuid, line, before)
            before = line.uuid
    return links


def _ends_it(line: Line) -> bool:
    """Whether the conversation may end with `line`: a crash can come between a prompt and the answer."""
    return line.speaks or attached(line) is not None


def _walk(leaf: _Link, links: dict[str, _Link]) -> dict[str, Line]:
    kept: dict[str, Line] = {}
    link: _Link | None = leaf
    while link is not None and link.uuid not in kept:
        kept[link.uuid] = link.line
        link = _parent(link, links)
    return kept


def _parent(link: _Link, links: dict[str, _Link]) -> _Link | None:
    named = link.line.parent_uuid or link.line.logical_parent_uuid
    if named is None:
        return None
    # A parent that was damaged must not cost the whole conversation before it.
    known = named if named in links else link.before
    return links[known] if known is not None else None


def _belongs_beside(line: Line, kept: dict[str, Line]) -> bool:
    parent = kept.get(line.parent_uuid or "")
    if parent is None:
        return False
    if line.type == "assistant":
        return parent.type == "assistant" and line.field("id") is not None and line.field("id") == parent.field("id")
    return line.type == "user" and _only_results(line) and (parent.type == "assistant" or _only_results(parent))


def _only_results(line: Line) -> bool:
    """Whether a line answers calls and says nothing else."""
    content = line.field("content")
    return (
        line.type == "user"
        and isinstance(content, list)
        and bool(content)
        and all(isinstance(block, dict) and block.get("type") == "tool_result" for block in content)
    )
