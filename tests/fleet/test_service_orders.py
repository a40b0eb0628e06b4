"""What a window was ordered to be is kept, and says whether any window of its template would have done."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import structs

from tianting.fleet.door.words import Create
from tianting.fleet.ground.workspaces import Wanted
from tianting.fleet.service.orders import Order, Orders, order_of, says_nothing_more
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.verdicts.sizing import PoolPolicy
from tianting.fleet.window import Window
from tianting.protocol.errors import FleetError
from tianting.worktree.separate_records import SeparateTree

pytestmark = pytest.mark.anyio

BASE = Template(
    name="quick",
    kind="echo",
    cwd="/work",
    model="small",
    surroundings=Wanted(passed=("EDITOR",)),
    pool=PoolPolicy(spares=1),
)
POLICY = FleetPolicy(templates=(BASE,))
TREE = SeparateTree(path="/t", branch="b", base="", base_commit="c", index=0, first_port=1, ports=2)
CLAIMED = Window(window_id="w1", kind="echo", template="quick")


def order(**asked: Any) -> Order:
    return order_of("quick.1", Create(template="quick", **asked), BASE)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"label": "first"}, True, id="a name"),
        pytest.param({"prompt": "hello"}, True, id="a first prompt"),
        pytest.param({"model": "small", "passed": ("EDITOR",)}, True, id="what it has anyway"),
        pytest.param({"model": "big"}, False, id="another model"),
        pytest.param({"passed": ("LANG",)}, False, id="one more variable"),
        pytest.param({"shared": ("claude",)}, False, id="a directory of the person's"),
        pytest.param({"isolation": "strict"}, False, id="walls"),
        pytest.param({"permission_mode": "plan"}, False, id="another mode"),
    ],
)
def test_a_spare_does_for_who_wants_nothing_more(asked: dict[str, Any], expected: bool) -> None:
    assert says_nothing_more(order(**asked), BASE) is expected


def test_a_worktree_is_nothing_that_a_spare_has() -> None:
    assert not says_nothing_more(structs.replace(order(), tree=TREE), BASE)


async def test_a_window_of_the_template_itself_has_its_order_and_outlives_the_template(tmp_path: Path) -> None:
    orders = Orders(tmp_path / "orders.json", POLICY)
    placed = order(label="first")
    await orders.add(placed)
    await orders.settle(placed, CLAIMED, is_warm=True)

    again = Orders(tmp_path / "orders.json", FleetPolicy())
    await again.keep_only([CLAIMED])

    found = again.of(CLAIMED)
    assert found == structs.replace(placed, name="quick", window="w1", is_warm=True)
    assert orders.policy() == POLICY
    assert again.policy().templates == (structs.replace(BASE, pool=None),)
    await again.drop(found)
    assert Orders(tmp_path / "orders.json", POLICY).of(CLAIMED) is None


async def test_orders_without_a_window_are_dropped(tmp_path: Path) -> None:
    orders = Orders(tmp_path / "orders.json", POLICY)
    placed = order()
    await orders.add(placed)

    await orders.keep_only([CLAIMED])

    assert orders.of(Window(window_id="w2", kind="echo", template=placed.name)) is None


async def test_a_spare_is_made_after_its_template_as_it_is_now(tmp_path: Path) -> None:
    orders = Orders(tmp_path / "orders.json", POLICY)

    assert orders.template(CLAIMED) == BASE
    assert orders.template(Window(window_id="w2", kind="echo", template="gone")) is None


async def test_what_cannot_be_kept_is_no_order(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    orders = Orders(tmp_path / "place" / "orders.json", POLICY)
    placed = order(label="first")
    await orders.add(placed)
    (tmp_path / "place").rename(tmp_path / "gone")

    with pytest.raises(FleetError, match="cannot be written"):
        await orders.settle(placed, CLAIMED, is_warm=False)
    assert orders.of(CLAIMED) is None
    with pytest.raises(FleetError, match="cannot be written"):
        await orders.add(placed)


async def test_a_name_is_given_once(tmp_path: Path) -> None:
    orders = Orders(tmp_path / "orders.json", POLICY)
    await orders.add(order(label="first"))

    with pytest.raises(FleetError, match="is called 'first' already"):
        await orders.add(structs.replace(order(label="first"), name="quick.2"))


async def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    await anyio.Path(tmp_path / "orders.json").write_text("{")

    with pytest.raises(FleetError, match="nobody knows how its windows were made"):
        Orders(tmp_path / "orders.json", POLICY)
