"""Ways to make a delivery go where it must not."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

PUBLIC = "1.1.1.1"
PUBLIC_IPV6 = "2606:4700:4700::1111"


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A target that leads, or seems to lead, to a place that is not public.

    Attributes:
        answers: what the name resolves to, lookup by lookup; the last answer is repeated. Without any, the
            system's resolver is asked, as it is for a host that is an address in some spelling.
        set_anyway: whether the URL looks innocent, so that only the connection can be refused.
        contacts: the public addresses that may be contacted nevertheless.
    """

    name: str
    url: str
    answers: tuple[tuple[str, ...], ...] = ()
    set_anyway: bool = False
    contacts: tuple[str, ...] = ()


# Tables of short values, many to a line.
# fmt: off

# Every row of the IANA IPv4 and IPv6 Special-Purpose Address Registries, and what lies at its ends.
# https://www.iana.org/assignments/iana-ipv4-special-registry
SPECIAL_IPV4 = {
    "0.0.0.0/8": "this network", "10.0.0.0/8": "private use", "100.64.0.0/10": "shared address space",
    "127.0.0.0/8": "loopback", "169.254.0.0/16": "link local", "172.16.0.0/12": "private use",
    "192.0.0.0/24": "IETF protocol assignments", "192.0.2.0/24": "documentation", "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT", "192.88.99.0/24": "6to4 relay anycast", "192.168.0.0/16": "private use",
    "192.175.48.0/24": "AS112", "198.18.0.0/15": "benchmarking", "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation", "224.0.0.0/4": "multicast", "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "limited broadcast",
}
# https://www.iana.org/assignments/iana-ipv6-special-registry
SPECIAL_IPV6 = {
    "::1/128": "loopback", "::/128": "unspecified", "::ffff:0:0/96": "IPv4-mapped",
    "64:ff9b::/96": "IPv4-IPv6 translation", "64:ff9b:1::/48": "IPv4-IPv6 translation",
    "100::/64": "discard only", "100:0:0:1::/64": "dummy prefix", "2001::/23": "IETF protocol assignments",
    "2001::/32": "Teredo", "2001:1::1/128": "port control protocol anycast", "2001:2::/48": "benchmarking",
    "2001:3::/32": "AMT", "2001:4:112::/48": "AS112", "2001:10::/28": "ORCHID", "2001:20::/28": "ORCHIDv2",
    "2001:30::/28": "drone remote ID", "2001:db8::/32": "documentation", "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112", "3fff::/20": "documentation", "5f00::/16": "segment routing",
    "fc00::/7": "unique local", "fe80::/10": "link local", "fec0::/10": "site local", "ff00::/8": "multicast",
}

# Addresses that an attacker of this system would aim at, and forms that hide one.
_AIMED_AT = {
    "the Lambda runtime API": "127.0.0.1", "the X-Ray daemon of Lambda": "169.254.79.129",
    "instance metadata": "169.254.169.254", "the resolver of the VPC": "169.254.169.253",
    "task metadata": "169.254.170.2", "instance metadata over IPv6": "fd00:ec2::254",
    "loopback, mapped": "::ffff:127.0.0.1", "loopback, mapped, in hexadecimal": "::ffff:7f00:1",
    "instance metadata, mapped": "::ffff:169.254.169.254", "a public address, mapped": "::ffff:1.1.1.1",
    "loopback, IPv4-compatible": "::127.0.0.1", "loopback, IPv4-translated": "::ffff:0:127.0.0.1",
    "loopback, by NAT64": "64:ff9b::7f00:1", "instance metadata, by NAT64": "64:ff9b::a9fe:a9fe",
    "loopback, by local NAT64": "64:ff9b:1::7f00:1", "loopback, by 6to4": "2002:7f00:1::1",
    "instance metadata, by 6to4": "2002:a9fe:a9fe::1", "loopback, by Teredo": "2001:0:7f00:1::80ff:fffe",
    "a private address, by ISATAP": "2a00:1450:4001::5efe:10.0.0.1",
    "a private address, by ISATAP, marked global": "2a00:1450:4001::200:5efe:10.0.0.1",
}

# Spellings of 127.0.0.1 and of instance metadata, as resolvers of many systems read them (inet_aton).
_ODD_SPELLINGS = (
    "127.1", "127.0.1", "0x7f.1", "0x7f.0x0.0x0.0x1", "0x7f000001", "0X7F000001", "2130706433",
    "017700000001", "0177.0.0.1", "0177.0.0.01", "127.0.0.01", "127.00.0.1", "0", "0x0", "0.0", "2852039166",
    "0xa9fea9fe", "169.254.43518", "0251.0376.0251.0376",
)
# fmt: on

_URLS = {
    "plain HTTP": "http://receiver.example/",
    "plain HTTP on the port of HTTPS": "http://receiver.example:443/",
    "FTP": "ftp://receiver.example/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://receiver.example:443/_GET",
    "no scheme": "//receiver.example/",
    "a scheme in another one": "https:http://receiver.example/",
    "the port of HTTP": "https://receiver.example:80/",
    "the port of SSH": "https://receiver.example:22/",
    "a port beyond all ports": "https://receiver.example:65979/",
    "a port below zero": "https://receiver.example:-443/",
    "credentials": "https://user:password@receiver.example/",
    "an empty user": "https://@receiver.example/",
    "a host that is a user's name": "https://receiver.example@169.254.169.254/",
    "a port that is a password": "https://receiver.example:443@127.0.0.1/",
    "a user's name, percent-encoded": "https://receiver.example%40127.0.0.1/",
    "a backslash before the host": "https://receiver.example\\@127.0.0.1/",
    "a backslash for a slash": "https:\\\\127.0.0.1/",
    "a fragment that hides a host": "https://127.0.0.1#@receiver.example/",
    "a query that hides a host": "https://127.0.0.1?@receiver.example/",
    "a tab in the host": "https://127.0.0\t.1/",
    "a line break in the host": "https://127.0.0.1\n.receiver.example/",
    "a header behind the path": "https://receiver.example/\r\nHost: 127.0.0.1",
    "a NUL in the host": "https://127.0.0.1\x00.receiver.example/",
    "a space before the URL": " https://127.0.0.1/",
    "digits of full width": "https://\uff11\uff12\uff17.0.0.1/",
    "digits in circles": "https://\u2460\u2461\u2466.0.0.1/",
    "an ideographic full stop": "https://127\u30020\u30020\u30021/",
    "letters in circles": "https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
    "a soft hyphen": "https://local\u00adhost/",
    "a script of its own": "https://\u0430pple.example/",
    "percent-encoded digits": "https://%31%32%37.0.0.1/",
    "a zone id": "https://[fe80::1%25eth0]/",
    "a zone id on loopback": "https://[::1%25lo]/",
    "a zone id on a public address": f"https://[{PUBLIC_IPV6}%25lo]/",
    "an address of the future": "https://[v1.127.0.0.1]/",
    "brackets that do not close": "https://[::1/",
    "brackets around IPv4": "https://[127.0.0.1]/",
    "an address with a trailing dot": "https://127.0.0.1./",
    "localhost": "https://localhost/",
    "localhost with a trailing dot": "https://localhost./",
    "a name below localhost": "https://receiver.localhost/",
    "a name in capitals": "https://LOCALHOST/",
    "a name of one label": "https://metadata/",
    "a name of the network": "https://ip-10-0-0-1.ec2.internal/",
    "a name of multicast DNS": "https://printer.local/",
    "a name of the home": "https://router.home.arpa/",
    "a name of Tor": "https://receiver.onion/",
    "a name beside the DNS": "https://receiver.alt/",
    "a trailing dot": "https://receiver.example./",
    "an empty label": "https://receiver..example/",
    "a label of 64 characters": f"https://{'a' * 64}.example/",
    "a name of 268 characters": f"https://{'a.' * 130}example/",
    "a URL of 64 KiB": f"https://receiver.example/{'a' * 65536}",
    "no host": "https:///127.0.0.1/",
}

# What names that look innocent resolve to.
_NAMES: dict[str, tuple[str, ...]] = {
    "a private address after a public one": (PUBLIC, "10.0.0.7"),
    "a private address before a public one": ("10.0.0.7", PUBLIC),
    "a private IPv6 address beside a public IPv4 one": (PUBLIC, "fd00::7"),
    "a public IPv6 address beside loopback": (PUBLIC_IPV6, "127.0.0.1"),
    "a hundred public addresses and loopback": (*(f"1.1.1.{n}" for n in range(100)), "127.0.0.1"),
    "a link-local address with its zone": ("fe80::1%eth0",),
    "an answer that is no address": ("nonsense",),
}
_INNOCENT_HOSTS = {
    "": "rebound.example",
    " in punycode": "xn--pple-43d.example",
    " that names an address": "127.0.0.1.nip.example",
    " that names an address in hexadecimal": "7f000001.rbndr.example",
    " that looks like a service": "sqs.amazonaws.example",
}


def _of_address(name: str, address: str) -> Iterator[Vector]:
    host = f"[{address}]" if ":" in address else address
    yield Vector(name=f"{name}, in the URL", url=f"https://{host}/")
    yield Vector(
        name=f"{name}, by a name",
        url="https://receiver.example/",
        answers=((address,),),
        set_anyway=True,
    )


def _vectors() -> Iterator[Vector]:
    # The first address of an IPv4 range, the last of an IPv6 one: their other ends are shared by some ranges.
    for ranges, end in ((SPECIAL_IPV4, 0), (SPECIAL_IPV6, -1)):
        for network, meaning in ranges.items():
            yield from _of_address(f"{network} ({meaning})", str(ip_network(network)[end]))
    for name, address in _AIMED_AT.items():
        yield from _of_address(f"{name} ({address})", address)
    for spelling in _ODD_SPELLINGS:
        yield Vector(name=f"the spelling {spelling}", url=f"https://{spelling}/")
    for name, url in _URLS.items():
        yield Vector(name=name, url=url, answers=(("127.0.0.1",),))
    for name, addresses in _NAMES.items():
        yield Vector(name=name, url="https://receiver.example/", answers=(addresses,), set_anyway=True)
    for suffix, host in _INNOCENT_HOSTS.items():
        yield Vector(
            name=f"a name{suffix}", url=f"https://{host}/", answers=(("127.0.0.1",),), set_anyway=True
        )
    for name, answers in {
        "a name that rebinds between check and connect": ((PUBLIC,), ("127.0.0.1",)),
        "a name that rebinds to IPv6": ((PUBLIC,), ("::1",)),
        "a name that rebinds and back": ((PUBLIC,), ("169.254.169.254",), (PUBLIC,)),
    }.items():
        yield Vector(
            name=name, url="https://receiver.example/", answers=answers, set_anyway=True, contacts=(PUBLIC,)
        )


VECTORS = tuple(_vectors())
