"""Which addresses may be called, told from their form alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llmbackends.errors import AddressNotAllowed
from llmbackends.zone_setting import parse_zones
from llmbackends.zones import INTERNET, LOOPBACK, LOOPBACK_ONLY, AddressPolicy, target_of

EVERYWHERE = AddressPolicy(parse_zones("everywhere=0.0.0.0/0, ::/0"))

NEVER_CALLED = [
    "0.0.0.0", "0.1.2.3", "::", "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16",
    "192.0.0.192", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "fe80::1", "febf::1",
    "fec0::1", "ff02::1", "100::1", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    # the same in other forms: mapped, compatible, translated (SIIT, NAT64), 6to4, Teredo, ISATAP
    "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:0.0.0.0", "::ffff:255.255.255.255",
    "::169.254.169.254", "::127.0.0.1", "::ffff:0:169.254.169.254", "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::169.254.169.254", "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:5601:5601", "fd12::5efe:169.254.169.254",
    "2001:db8::200:5efe:169.254.169.254",
]  # fmt: skip
UNUSUAL = [
    "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "127.1", "0177.0.0.1", "127.0.0.01", "127.0.0.1.1",
    "10.0.0.0x1", "10.0.0.256", "127.0.0.1 ", "gpu..local", ".local", "-x.local", "gpu%2elocal", "*.local",
    "l\u043ecalhost", "\uff11\uff12\uff17.0.0.1", "[::1]", "fe80::1%eth0", "::1%lo", "", "a/b", "a@b", "a:b",
]  # fmt: skip


def refusal(policy: AddressPolicy, host: str, *resolved: str, port: int = 80) -> str:
    """What is said where `host`, a name if it resolves to something, is refused; "" where it is allowed."""
    try:
        if resolved:
            policy.require_resolved(host, port, resolved)
        else:
            policy.require_host(host, port)
    except AddressNotAllowed as error:
        return error.message
    return ""


@pytest.mark.parametrize("address", NEVER_CALLED)
def test_address_is_never_called_even_where_a_zone_holds_everything(address: str) -> None:
    assert "is never called" in refusal(EVERYWHERE, address)


@pytest.mark.parametrize("address", NEVER_CALLED)
def test_name_is_refused_where_it_resolves_to_what_is_never_called(address: str) -> None:
    listed = AddressPolicy(parse_zones("mine=llm.example"))

    assert "is never called" in refusal(listed, "llm.example", "10.0.0.1", address)
    assert "is never called" in refusal(EVERYWHERE, "other.example", address, "10.0.0.1")


@pytest.mark.parametrize("host", UNUSUAL)
def test_host_in_an_unusual_form_is_refused_outright(host: str) -> None:
    assert "neither a plain host name nor a plain IP address" in refusal(EVERYWHERE, host)
    assert refusal(EVERYWHERE, host, "127.0.0.1")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"])
def test_loopback_is_allowed_by_default(address: str) -> None:
    assert refusal(LOOPBACK_ONLY, address) == ""


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "8.8.8.8", "::ffff:10.0.0.1", "fd12::1", "2606:4700::1111", "2002:7f00:1::"]
)
def test_everything_else_is_refused_by_default_and_the_zones_are_named(address: str) -> None:
    said = refusal(LOOPBACK_ONLY, address)

    assert "(loopback)" in said
    assert "OUTGOING_ZONES" in said


@pytest.mark.parametrize(
    ("resolved", "is_allowed"),
    [
        (["127.0.0.1", "::1"], True),
        (["::ffff:127.0.0.1"], True),
        (["127.0.0.1", "8.8.8.8"], False),
        (["8.8.8.8", "127.0.0.1"], False),
        (["::1", "fd12::1"], False),
    ],
)
def test_unlisted_name_needs_all_its_addresses_in_a_network(resolved: list[str], is_allowed: bool) -> None:
    assert (refusal(LOOPBACK_ONLY, "box.example", *resolved) == "") == is_allowed


def test_addresses_of_one_name_may_lie_in_several_zones() -> None:
    policy = AddressPolicy(parse_zones("a=10.1.0.0/16; b=10.2.0.0/16"))

    assert refusal(policy, "box.example", "10.1.0.1", "10.2.0.1") == ""


def test_listed_name_may_resolve_to_any_address_that_is_called_at_all() -> None:
    policy = AddressPolicy(parse_zones("mine=llm.example"))

    assert refusal(policy, "llm.example", "203.0.113.7", "fd12::1", "127.0.0.1") == ""
    assert refusal(policy, "203.0.113.7")  # the address itself is not listed


@pytest.mark.parametrize(
    ("host", "is_listed"),
    [
        ("a.corp.example", True),
        ("b.a.corp.example", True),
        ("corp.example", False),
        ("xcorp.example", False),
        ("a.corp.example.evil.net", False),
    ],
)
def test_suffix_lists_the_names_below_it(host: str, is_listed: bool) -> None:
    policy = AddressPolicy(parse_zones("corp=*.corp.example"))

    assert (refusal(policy, host, "10.0.0.1") == "") == is_listed


def test_entry_with_a_port_is_of_that_port_alone() -> None:
    policy = AddressPolicy(parse_zones("a=llm.example:8000, 10.1.0.0/16:8001, [fd12::/32]:8002"))
    allowed = [("llm.example", ["10.9.9.9"], 8000), ("10.1.0.1", [], 8001), ("fd12::1", [], 8002)]

    assert [refusal(policy, host, *to, port=port) for host, to, port in allowed] == ["", "", ""]
    assert all(refusal(policy, host, *to, port=9000) for host, to, _ in allowed)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_internet_holds_public_addresses(address: str) -> None:
    assert refusal(AddressPolicy((INTERNET,)), address) == ""


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "100.64.0.1",
        "::1",
        "fd12::1",
        "64:ff9b::10.0.0.1",
        "2002:0a00:0001::",
        "::ffff:10.0.0.1",
    ],
)
def test_internet_holds_nothing_inside(address: str) -> None:
    assert refusal(AddressPolicy((INTERNET,)), address)


@pytest.mark.parametrize(
    ("host", "resolved"),
    [("127.0.0.1", []), ("::1", []), ("localhost", ["127.0.0.1"]), ("other", ["127.0.0.1"])],
)
def test_port_of_an_own_service_is_closed_on_every_host(host: str, resolved: Sequence[str]) -> None:
    policy = AddressPolicy((LOOPBACK,), closed_ports=frozenset({5432}))

    assert "Port 5432 belongs to" in refusal(policy, host, *resolved, port=5432)
    assert refusal(policy, host, *resolved, port=5433) == ""


def test_unknown_name_is_told_to_list_it() -> None:
    says = r"“llm\.example” cannot be resolved.*\(loopback\).*OUTGOING_ZONES"

    with pytest.raises(AddressNotAllowed, match=says):
        LOOPBACK_ONLY.refuse_unknown("llm.example")


# URLs


@pytest.mark.parametrize(
    "url",
    ["https://h", "https://H:443/v1", "https://h.:443", "HTTPS://h/", "https://h:0443"],
)
def test_spellings_of_one_origin_are_equal(url: str) -> None:
    assert target_of(url).origin == "https://h:443"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://h", "http://h:80"),
        ("http://h:8000/v1", "http://h:8000"),
        ("http://[0:0::1]:8000", "http://[::1]:8000"),
        ("http://[::ffff:127.0.0.1]", "http://127.0.0.1:80"),
    ],
)
def test_origin_of_a_url(url: str, origin: str) -> None:
    assert target_of(url).origin == origin


@pytest.mark.parametrize(
    "url",
    [
        "", "no url", "http://", "http:///path", "http://[::1", "ftp://h", "http://localhost@evil.net/",
        "http://localhost\\@evil.net/", "http://evil.net\\.local/", "http://local\thost/", "http://h:99999",
        "http://a b/", "http://h\n/", "http://h:0",
    ],
)  # fmt: skip
def test_url_open_to_doubt_has_no_target(url: str) -> None:
    with pytest.raises(ValueError):
        target_of(url)
