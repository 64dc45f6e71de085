"""Which network addresses a stranger's link may lead to: public ones, however they are written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_NAT64 = IPv6Network("64:ff9b::/96")  # carries an IPv4 address in its last 32 bits
# What the library holds for public in some versions of Python: IANA's special-purpose registries, tunnels
# (Teredo), and addresses of clouds that only a machine inside can reach.
_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "168.63.129.16/32",
        "64:ff9b:1::/48",
        "100::/64",
        "100:0:0:1::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)


def is_public(address: str) -> bool:
    """Whether a numeric address, as the system connects to it, belongs to the public internet.

    An IPv6 address that carries an IPv4 address (mapped, NAT64, 6to4) is as public as that one. What
    is no address, is scoped to a link, or is reserved for anything, is not public.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            return False
        carried = _carried(found)
        if carried is not None:
            return _is_global(carried)
    return _is_global(found)


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_private
    )
