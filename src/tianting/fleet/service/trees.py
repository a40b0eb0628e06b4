"""The git worktree that a window may have for itself: made before the window, looked at, merged, and never thrown away
while there is work in it.
"""

from pathlib import Path

from msgspec import structs

from tianting.fleet.door.words import Done, Reviewed
from tianting.fleet.service.orders import Order
from tianting.protocol.errors import FleetError, WorktreeError
from tianting.worktree.separate import Wish, make_tree, remove_tree
from tianting.worktree.separate_merging import merge_tree, review_tree
from tianting.worktree.separate_records import SeparateTree


async def with_tree(order: Order, place: Path, *, repository: str, branch: str) -> Order:
    """`order` with a new worktree below `place`, from what `repository` has checked out. Raises `WorktreeError`."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    wish = Wish(branch=branch or f"tianting/{order.label or order.name.rpartition('.')[2]}")
    tree = await make_tree(Path(repository), place / order.name, wish)
    return structs.replace(order, tree=tree, repository=repository)


async def put_away(order: Order, *, force: bool) -> str:
    """Remove its worktree, and say what became of it. Raises `WorktreeError` where work would be lost.

    `force` keeps such a tree instead.
    """
    if order.tree is None:
        return ""
    try:
        await remove_tree(Path(order.repository), order.tree)
    except WorktreeError as error:
        if not force:
            raise
        return f"Its worktree is kept: {order.tree.path}, branch {order.tree.branch}. {error}"
    return f"Its worktree {order.tree.path} is removed."


async def reviewed(order: Order | None) -> Reviewed:
    """What a merge would bring. Raises `FleetError`, `WorktreeError`."""
    tree = _tree(order)
    review = await review_tree(tree)
    return Reviewed(
        branch=tree.branch, base=tree.base, commits=review.commits, diff=review.diff, uncommitted=review.uncommitted
    )


async def merged(order: Order | None) -> Done:
    """Merge it. Raises `FleetError`, `WorktreeError`; then nothing was merged."""
    tree = _tree(order)
    assert order is not None
    done = await merge_tree(Path(order.repository), tree)
    return Done(told=f"{tree.branch} is in {tree.base or tree.base_commit[:12]} now: {done.commit[:12]}.")


def _tree(order: Order | None) -> SeparateTree:
    if order is None or order.tree is None:
        raise FleetError("This window has no worktree of its own: create it with --worktree.")
    return order.tree
