"""Whether a host may be reached: patterns a person wrote, and addresses no pattern means by accident.

    example.org        this host, any port
    example.org:443    this host, this port
    *.example.org      everything below it, not itself
    *                  any host of the internet

A denial wins. Addresses inside the machine or its network (loopback, 10.0.0.0/8, link-local with the cloud's keys ...)
are reached only where a pattern without `*` names the host: otherwise a name of the internet could lead there.
"""

import ipaddress
from collections.abc import Iterable

from tianting.sandbox.policy import NetworkPolicy


def permits(policy: NetworkPolicy, host: str, port: int) -> bool:
    """Whether `host`, a name or an address as the command wrote it, may be asked for."""
    name = canonical(host)
    if not name or any(_matches(pattern, name, port) for pattern in policy.denied):
        return False
    fitting = [pattern for pattern in policy.allowed if _matches(pattern, name, port)]
    return bool(fitting) and (is_public(name) or any("*" not in pattern for pattern in fitting))


def permits_address(policy: NetworkPolicy, host: str, port: int, address: str) -> bool:
    """Whether a permitted `host` may lead to `address`."""
    if any(_matches(pattern, canonical(address), port) for pattern in policy.denied):
        return False
    name = canonical(host)
    return is_public(address) or any("*" not in text and _matches(text, name, port) for text in policy.allowed)


def is_public(host: str) -> bool:
    """Whether `host` is a name, or an address of the internet."""
    address = _address(host)
    if address is None:
        return host != "localhost" and not host.endswith(".localhost")
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (inner or address).is_global and not (inner or address).is_multicast


def canonical(host: str) -> str:
    """One writing for each host: lower case, no root dot, no brackets, and addresses in full.

    Empty for what is neither. `0x7f.1` and `2130706433` are addresses to the C library and names to nobody: empty too.
    """
    name = host.strip("[]").rstrip(".").lower()
    address = _address(name)
    if address is not None:
        return str(address)
    if not name or "%" in name or not name.isascii() or any(not (part and _is_label(part)) for part in name.split(".")):
        return ""
    return "" if name.rpartition(".")[2][:1].isdigit() else name


def _matches(pattern: str, name: str, port: int) -> bool:
    wanted, number = _split(pattern)
    if number is not None and number != port:
        return False
    if wanted == "*":
        return True
    if wanted.startswith("*."):
        return name.endswith(wanted[1:].lower()) and _address(name) is None
    return canonical(wanted) == name


def _split(pattern: str) -> tuple[str, int | None]:
    host, colon, port = pattern.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.startswith("[")):
        return host, int(port)
    return pattern, None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_label(part: str) -> bool:
    return all(character.isalnum() or character in "-_" for character in part)


def hosts(pairs: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """`example.org`, or with the port where it is none of the web's."""
    return tuple(host if port in (80, 443) else f"{host}:{port}" for host, port in pairs)
