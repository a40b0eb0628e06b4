"""Windows outlive the gateway that gave them their tokens: the next one must know these before it listens."""

from pathlib import Path

from msgspec import structs

from tianting.cli.windows_passes import WindowPasses, fleet_secret, let_in
from tianting.fleet.window import Window
from tianting.gateway.gateway import Gateway
from tianting.gateway.ledger import Ledger
from tianting.gateway.upstream import Key, Upstream

LIVING = Window(window_id="living", kind="echo", status="busy")


def gateway(directory: Path) -> Gateway:
    upstream = Upstream(
        name="anthropic", speech="anthropic", base_url="http://127.0.0.1:9", keys=(Key(name="main", secret="a-key"),)
    )
    return Gateway(upstreams=(upstream,), ledger=Ledger(directory / "ledger"))


def test_token_of_an_earlier_gateway_counts_before_the_next_one_listens(tmp_path: Path) -> None:
    secret = fleet_secret(tmp_path / "secret")
    stopped = structs.replace(LIVING, window_id="stopped", status="stopped")
    after = gateway(tmp_path)

    let_in(after, fleet_secret(tmp_path / "secret"), [LIVING, stopped])

    assert after.observe().tokens == 1
    passes = WindowPasses(after, secret, 1, is_cut_off=lambda _: False)
    assert passes.variables(LIVING)["ANTHROPIC_API_KEY"].startswith("tgw_")
    assert after.observe().tokens == 1
