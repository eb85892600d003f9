"""Which hosts may be asked for images: public ones alone.

Anybody may write an address into an article, or answer with a redirect; it must not lead to this
machine or its network. A name proves nothing, so its IP addresses are checked, and `fetch` connects
to one of the checked addresses.
"""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlunsplit

from feedsvc import weburl

IPAddress = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Iterable[str]]

# Allowed are the ports of the web, and those from 1024 on except the bad ports of the WHATWG Fetch
# standard 2.9: they belong to other protocols, which might take a request for a command.
_WEB_PORTS = frozenset({80, 443})
_BAD_PORTS = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668,
     6669, 6679, 6697, 10080}
)  # fmt: skip

# Of IPv6 only global unicast (RFC 4291 2.4): ranges that are not assigned yet are refused.
_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052 2.1: a gateway leads to the IPv4 address inside
# Not for hosts on the web, though some versions of Python call them global.
_NEVER = tuple(
    map(
        ip_network,
        (
            "100.64.0.0/10",  # RFC 6598, shared between a provider's customers
            "168.63.129.16/32",  # in every virtual machine of Azure, that machine's own control
            "192.0.0.0/24",  # RFC 6890, and the metadata of Oracle's cloud
            "192.88.99.0/24",  # RFC 7526, relays that are no more
            "198.18.0.0/15",  # RFC 2544, benchmarks
            "2001::/23",  # RFC 2928, protocols, Teredo among them
            "2001:db8::/32",  # RFC 3849, documentation
            "3fff::/20",  # RFC 9637, documentation
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One request: the host, the port and the path."""

    secure: bool
    host: str
    port: int
    authority: str  # for the Host header: with the port, unless it is the scheme's own
    path: str  # with the query


def parse(address: str) -> Target | None:
    """Return the request for the image at `address`, None where it is not allowed.

    A user name, a password and a fragment are left out.
    """
    absolute = weburl.absolute(address)
    parts = None if absolute is None else weburl.split(absolute)
    if parts is None:
        return None
    secure = parts.scheme == "https"
    own_port = 443 if secure else 80
    port = own_port if parts.port is None else parts.port
    host = (parts.hostname or "").rstrip(".")
    if not host or (port not in _WEB_PORTS and (port < 1024 or port in _BAD_PORTS)):
        return None
    path = urlunsplit(("", "", parts.path, parts.query, ""))
    if not path.startswith("/"):
        path = f"/{path}"
    authority = f"[{host}]" if ":" in host else host
    if port != own_port:
        authority = f"{authority}:{port}"
    return Target(secure=secure, host=host, port=port, authority=authority, path=path)


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of `host` as the system knows them, the preferred first.

    Raises OSError where there are none, UnicodeError where `host` cannot be a name.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in answers]


def public(ip: IPAddress) -> bool:
    """Tell whether `ip` can be a host on the web, which everybody can reach.

    >>> public(ip_address("8.8.8.8")), public(ip_address("::ffff:127.0.0.1"))
    (True, False)
    """
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return public(inner)
        if ip not in _GLOBAL_UNICAST:
            return False
    if ip.is_multicast or ip.is_reserved or ip.is_loopback or ip.is_link_local or ip.is_unspecified:
        return False
    return ip.is_global and not any(ip in network for network in _NEVER)


def choose(addresses: Iterable[str], allowed: Callable[[IPAddress], bool]) -> list[IPAddress]:
    """Return the IP addresses that are `allowed`, each once, in their order."""
    # Only addresses inside a network have a zone: "fe80::1%eth0".
    ips = (ip_address(address) for address in addresses if "%" not in address)
    return [ip for ip in dict.fromkeys(ips) if allowed(ip)]
