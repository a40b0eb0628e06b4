"""Which hosts a command may reach is a decision, so its tests are a table."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.sandbox.domains import canonical, hosts, is_public, permits, permits_address
from tianting.sandbox.policy import NetworkPolicy


def policy(*allowed: str, denied: tuple[str, ...] = ()) -> NetworkPolicy:
    return NetworkPolicy(reach="hosts", allowed=allowed, denied=denied)


@pytest.mark.parametrize(
    ("network", "host", "port", "expected"),
    [
        pytest.param(policy("example.org"), "example.org", 443, True, id="named"),
        pytest.param(policy("example.org"), "EXAMPLE.org.", 443, True, id="case and root dot"),
        pytest.param(policy("example.org"), "www.example.org", 443, False, id="below a name"),
        pytest.param(policy("*.example.org"), "www.example.org", 443, True, id="below a pattern"),
        pytest.param(policy("*.example.org"), "example.org", 443, False, id="a pattern is not its own top"),
        pytest.param(policy("*.example.org"), "evilexample.org", 443, False, id="not by the letters alone"),
        pytest.param(policy("example.org"), "example.org.evil.net", 443, False, id="not by the beginning"),
        pytest.param(policy("example.org:443"), "example.org", 443, True, id="the port"),
        pytest.param(policy("example.org:443"), "example.org", 22, False, id="another port"),
        pytest.param(policy("*"), "anything.net", 443, True, id="everything"),
        pytest.param(policy("*", denied=("*.evil.net",)), "a.evil.net", 443, False, id="a denial wins"),
        pytest.param(policy("*", denied=("8.8.8.8",)), "8.8.8.8", 53, False, id="a denied address"),
        pytest.param(policy("*"), "127.0.0.1", 80, False, id="loopback"),
        pytest.param(policy("*"), "[::1]", 80, False, id="loopback of version 6"),
        pytest.param(policy("*"), "::ffff:127.0.0.1", 80, False, id="loopback in disguise"),
        pytest.param(policy("*"), "localhost", 80, False, id="localhost"),
        pytest.param(policy("*"), "a.localhost", 80, False, id="below localhost"),
        pytest.param(policy("*"), "169.254.169.254", 80, False, id="the cloud's keys"),
        pytest.param(policy("*"), "10.1.2.3", 80, False, id="private"),
        pytest.param(policy("*"), "224.0.0.1", 80, False, id="multicast"),
        pytest.param(policy("*"), "2130706433", 80, False, id="one number"),
        pytest.param(policy("*"), "0x7f.1", 80, False, id="hexadecimal"),
        pytest.param(policy("*"), "017700000001", 80, False, id="octal"),
        pytest.param(policy("*"), "fe80::1%eth0", 80, False, id="a zone"),
        pytest.param(policy("10.1.2.3"), "10.1.2.3", 80, True, id="private and named"),
        pytest.param(policy("[::1]:8080"), "::1", 8080, True, id="loopback and named"),
        pytest.param(policy("localhost:8080"), "localhost", 8080, True, id="localhost and named"),
        pytest.param(policy("*.1.2.3"), "9.1.2.3", 80, False, id="a pattern means no address"),
        pytest.param(policy("*"), "", 80, False, id="nothing"),
        pytest.param(policy("*"), "a b", 80, False, id="no name"),
        pytest.param(policy(), "example.org", 443, False, id="nothing allowed"),
    ],
)
def test_permits(network: NetworkPolicy, host: str, port: int, expected: bool) -> None:
    assert permits(network, host, port) == expected


@pytest.mark.parametrize(
    ("network", "address", "expected"),
    [
        pytest.param(policy("*.example.org"), "93.184.216.34", True, id="of the internet"),
        pytest.param(policy("*.example.org"), "127.0.0.1", False, id="a name that leads inside"),
        pytest.param(policy("*.example.org"), "::ffff:10.0.0.1", False, id="inside in disguise"),
        pytest.param(policy("git.example.org"), "10.0.0.5", True, id="a named host inside"),
        pytest.param(policy("git.example.org", denied=("10.0.0.5",)), "10.0.0.5", False, id="a denied address"),
    ],
)
def test_permits_address(network: NetworkPolicy, address: str, expected: bool) -> None:
    assert permits_address(network, "git.example.org", 443, address) == expected


@settings(max_examples=100)
@given(st.text(max_size=30))
def test_canonical_is_stable_and_never_widens(text: str) -> None:
    once = canonical(text)

    assert canonical(once) == once
    assert not once or is_public(once) == is_public(canonical(once))


def test_usual_ports_are_not_said() -> None:
    assert hosts([("a.net", 443), ("b.net", 22)]) == ("a.net", "b.net:22")
