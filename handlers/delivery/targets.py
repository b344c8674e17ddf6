"""Where deliveries may go: public addresses, by https on port 443, and nowhere else.

A target is checked three times: its URL when it is set and before every attempt, the addresses of its host
before any of them is connected to, and the peer of the connected socket before a byte is sent. So a name that
resolves differently between check and connection gains nothing.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_URL_LENGTH = 2048
MAX_HOST_LENGTH = 253  # RFC 1035, section 2.3.4, as text
HTTPS_PORT = 443
HTTP_PORT = 80

# The whole IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), and multicast. A few of its
# blocks can be reached from everywhere (AS112, AMT), but no receiver lives there.
_FORBIDDEN_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# Only global unicast is routed worldwide (RFC 4291). Mapped, NAT64, local and multicast forms lie outside it.
_GLOBAL_UNICAST_IPV6 = ipaddress.IPv6Network("2000::/3")
# The part of the IANA IPv6 Special-Purpose Address Registry that lies within global unicast: protocol
# assignments with Teredo, documentation, 6to4, AS112.
_FORBIDDEN_IPV6 = tuple(
    map(
        ipaddress.IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
# An ISATAP address ends with one of these, then an IPv4 address, under any prefix (RFC 5214, section 6.1).
_ISATAP_INTERFACES = (0x00005EFE, 0x02005EFE)

# These names mean something else on every network (RFC 6761, RFC 6762, RFC 8375, RFC 9476 and ICANN's
# reservation of .internal), so no webhook can live there.
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".onion", ".alt")

_HOST_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
# Printable ASCII except space, which ends a request target, and backslash, which some take for a slash.
_URL_CHARACTERS = re.compile(r"[!-\[\]-~]+")
_AUTHORITY = re.compile(r"[a-z]+://([^/?#]*)", re.IGNORECASE)

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host name as text; raises OSError if there are none."""


class TargetNotAllowedError(Exception):
    """A target that may not be contacted; the message says why and what would be allowed."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL that deliveries may be sent to.

    Attributes:
        host: a name in lower case, or an IP address without brackets.
        request_target: path and query, byte for byte as in the URL. A signed URL must not change on its way
            (RFC 3986, section 6.2.2, says what is equivalent and to whom).
    """

    url: str
    is_https: bool
    host: str
    port: int
    request_target: str

    @property
    def origin(self) -> tuple[bool, str, int]:
        """Where a connection leads: scheme, host and port."""
        return (self.is_https, self.host, self.port)

    @property
    def authority(self) -> str:
        """The value of the `Host` header. It leaves out the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(is_https=self.is_https) else f"{host}:{self.port}"


def parse_target(url: str, *, allow_private: bool) -> Target:
    """Check a target URL without looking anything up.

    Args:
        url: what the tenant asks events to be sent to.
        allow_private: also allow http, any port and private addresses: for local runs only.

    Raises:
        TargetNotAllowedError: the message says what is wrong with the URL and what would be allowed.
    """
    if len(url) > MAX_URL_LENGTH:
        raise TargetNotAllowedError(f"target URL is {len(url)} characters long: use at most {MAX_URL_LENGTH}")
    if not url:
        raise TargetNotAllowedError("target URL is empty: use one that begins with https://")
    _check_characters(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused(url, f"is malformed ({error}): write it as https://host/path") from error
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes:
        scheme = f"the scheme {parts.scheme!r}" if parts.scheme else "no scheme"
        raise _refused(url, f"has {scheme}: use {' or '.join(schemes)}")
    if "@" in parts.netloc:
        raise _refused(url, "contains credentials: remove them; deliveries are signed instead")
    if "#" in url:
        raise _refused(url, "has a fragment, which is never sent: remove it, or write # as %23")
    is_https = parts.scheme == "https"
    if port is not None and port != HTTPS_PORT and not allow_private:
        raise _refused(url, f"has port {port}: use {HTTPS_PORT}, or leave the port out")
    host = parts.hostname or ""
    if "[" in parts.netloc and not (parts.netloc.startswith("[") and is_address(host)):
        raise _refused(url, "is malformed: write brackets around an IPv6 address only")
    _check_host(url, host, allow_private=allow_private)
    return Target(
        url=url,
        is_https=is_https,
        host=host,
        port=_default_port(is_https=is_https) if port is None else port,
        request_target=_request_target(url),
    )


def is_public(address: str) -> bool:
    """Whether an IP address, as text, can be reached from the whole internet and is the same host for all."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _FORBIDDEN_IPV4)
    if parsed.scope_id is not None or parsed not in _GLOBAL_UNICAST_IPV6:
        return False
    if int(parsed) >> 32 & 0xFFFFFFFF in _ISATAP_INTERFACES:
        return False
    return not any(parsed in network for network in _FORBIDDEN_IPV6)


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver finds for a host name, in its order of preference.

    Raises:
        socket.gaierror: the name does not resolve.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def vetted_addresses(host: str, addresses: Sequence[str], *, allow_private: bool) -> Sequence[str]:
    """The addresses of a host, if every one of them is allowed.

    One forbidden address refuses them all: a name with mixed answers is an attempt to slip one in.

    Raises:
        TargetNotAllowedError: the message names the host and the forbidden address.
    """
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise TargetNotAllowedError(
                    f"target host {host!r} resolves to {address}, which is not a public address: "
                    "let it resolve to public addresses only"
                )
    return addresses


def is_address(host: str) -> bool:
    """Whether a host is an IP address by the rules of `ipaddress`, so that there is no name to look up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _default_port(*, is_https: bool) -> int:
    return HTTPS_PORT if is_https else HTTP_PORT


def _request_target(url: str) -> str:
    """All that follows the authority, unchanged; `/` for no path (RFC 9112, section 3.2.1)."""
    authority = _AUTHORITY.match(url)
    rest = url[authority.end() :] if authority else ""
    return rest if rest.startswith("/") else f"/{rest}"


def _check_characters(url: str) -> None:
    if _URL_CHARACTERS.fullmatch(url):
        return
    authority = _AUTHORITY.match(url)
    if authority and not authority[1].isascii():
        raise _refused(url, "has a host with characters outside ASCII: write it in punycode, xn--...")
    raise _refused(url, "has spaces, backslashes or characters outside ASCII: percent-encode or remove them")


def _check_host(url: str, host: str, *, allow_private: bool) -> None:
    if not host:
        raise _refused(url, "has no host: write it as https://host/path")
    named = f"has the host {host!r}"
    if is_address(host):
        if not allow_private and not is_public(host):
            raise _refused(url, f"{named}, which is not a public address: use a public one")
        return
    labels = host.split(".")
    if len(host) > MAX_HOST_LENGTH:
        raise _refused(url, f"has a host of {len(host)} characters: use at most {MAX_HOST_LENGTH}")
    if not all(_HOST_LABEL.fullmatch(label) for label in labels):
        rule = "join parts of 1 to 63 letters, digits and inner hyphens by dots (punycode for other scripts)"
        raise _refused(url, f"{named}, which is not a host name: {rule}")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        raise _refused(url, f"{named}: write an IPv4 address as four decimal numbers")
    if not allow_private and (len(labels) == 1 or host.endswith(_LOCAL_NAMES)):
        raise _refused(url, f"{named}, which is not a public name: use one that every network can look up")


def _refused(url: str, fault: str) -> TargetNotAllowedError:
    # A URL with an at sign may hold a password, whatever else is wrong with it.
    return TargetNotAllowedError(f"target URL {'(not shown)' if '@' in url else repr(url)} {fault}")
