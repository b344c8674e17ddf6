"""Deliveries go to public addresses by https and nowhere else."""

import pytest

from handlers.delivery.targets import (
    TargetNotAllowedError,
    is_public,
    parse_target,
    resolve,
    vetted_addresses,
)

FORBIDDEN_ADDRESSES = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.79.129",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
]

FORBIDDEN_URLS = {
    "http://receiver.example/": "use https",
    "ftp://receiver.example/": "use https",
    "receiver.example/hooks": "use https",
    "https://": "no host",
    "https:///path": "no host",
    "https://receiver.example:8443/": "port 8443",
    "https://receiver.example:99999/": "malformed",
    "https://receiver.example:https/": "malformed",
    "https://user:password@receiver.example/": "credentials",
    "https://receiver.example@127.0.0.1/": "credentials",
    "https://receiver.example/#fragment": "fragment",
    "https://receiver.example/#": "write # as %23",
    "https://receiver.example/a b": "spaces",
    "https://receiver.example\\@127.0.0.1/": "backslashes",
    "https://bücher.example/": "punycode, xn--",
    "https://bücher.example:443/?q=ü": "punycode, xn--",
    "https://receiver.example/bücher": "percent-encode",
    "https://receiver.example/?q=ü@bücher.example": "percent-encode",
    "https://receiver.example/\r\nX-Injected: 1": "spaces",
    "https://[::1/": "malformed",
    "https://x[2606:4700::1111]/": "malformed",
    "https://[v1.a]/": "malformed",
    "https://[::1]/": "not a public address",
    "https://[fe80::1%25eth0]/": "not a public address",
    "https://127.0.0.1/": "not a public address",
    "https://169.254.169.254/latest/meta-data": "not a public address",
    "https://2130706433/": "four decimal numbers",
    "https://127.1/": "four decimal numbers",
    "https://0x7f.1/": "four decimal numbers",
    "https://0x7f000001/": "four decimal numbers",
    "https://1.2.3.4.5/": "four decimal numbers",
    "https://receiver..example/": "not a host name",
    "https://receiver.example./": "not a host name",
    "https://-receiver.example/": "not a host name",
    f"https://{'a' * 64}.example/": "not a host name",
    f"https://{'a.' * 130}example/": "at most 253",
    f"https://receiver.example/{'a' * 2048}": "at most 2048",
}


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_an_address_that_is_not_public_is_told_from_one_that_is(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00::1"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(("url", "fault"), FORBIDDEN_URLS.items())
def test_a_forbidden_url_is_refused_with_its_fault(url: str, fault: str) -> None:
    with pytest.raises(TargetNotAllowedError, match=fault):
        parse_target(url, allow_private=False)


def test_credentials_in_a_url_are_not_repeated_in_the_error() -> None:
    with pytest.raises(TargetNotAllowedError) as refused:
        parse_target("https://user:hunter2@receiver.example/", allow_private=False)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example",
        "https://receiver.example:443/hooks?tenant=1",
        "https://xn--bcher-kva.example/%20",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
        "https://a_b.example/",
    ],
)
def test_a_public_https_url_is_taken_as_it_is(url: str) -> None:
    assert parse_target(url, allow_private=False).url == url


def test_local_runs_may_use_http_any_port_and_private_addresses() -> None:
    target = parse_target("http://127.0.0.1:8080/x", allow_private=True)

    assert (target.origin, target.authority) == ((False, "127.0.0.1", 8080), "127.0.0.1:8080")
    assert parse_target("http://localhost", allow_private=True).port == 80
    assert parse_target("https://localhost", allow_private=True).port == 443


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://receiver.example/", "receiver.example"),
        ("https://Receiver.EXAMPLE:443/", "receiver.example"),
        ("https://receiver.example:8443/", "receiver.example:8443"),
        ("http://receiver.example:443/", "receiver.example:443"),
        ("http://receiver.example:80/", "receiver.example"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
    ],
)
def test_the_host_header_names_the_port_unless_it_is_the_schemes_own(url: str, authority: str) -> None:
    assert parse_target(url, allow_private=True).authority == authority


@pytest.mark.parametrize(
    ("after_the_host", "request_target"),
    [
        ("", "/"),
        ("/", "/"),
        ("?", "/?"),
        ("?a=1", "/?a=1"),
        ("/?", "/?"),
        *(
            (as_it_stands, as_it_stands)
            for as_it_stands in (
                "/%7Euser/~user",
                "/%2b+%2B",
                "/%41A",
                "/%2e%2e/../a/./b//c",
                "/a;b=c,d/e:f@g!$&'()*",
                "/?signature=a%2Fb/c&x=%E2%9c%93&&=?/@",
                "/%zz%/",
                '/{a}|[b]^`<c>"d"',
            )
        ),
    ],
)
def test_path_and_query_stay_as_they_stand_to_the_byte(after_the_host: str, request_target: str) -> None:
    url = f"https://receiver.example{after_the_host}"

    assert parse_target(url, allow_private=False).request_target == request_target


def test_local_runs_still_refuse_other_schemes_and_credentials() -> None:
    for url in ("file:///etc/passwd", "http://user@localhost/"):
        with pytest.raises(TargetNotAllowedError):
            parse_target(url, allow_private=True)


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(TargetNotAllowedError, match=r"'mixed.example' resolves to 10.0.0.7"):
        vetted_addresses("mixed.example", ["1.1.1.1", "10.0.0.7"], allow_private=False)


def test_public_addresses_keep_their_order() -> None:
    assert vetted_addresses("r.example", ["1.1.1.1", "1.0.0.1"], allow_private=False) == [
        "1.1.1.1",
        "1.0.0.1",
    ]


def test_the_systems_resolver_gives_addresses_as_text() -> None:
    assert "127.0.0.1" in resolve("127.0.0.1", 443)
