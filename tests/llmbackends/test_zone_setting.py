"""Reading the setting that names the zones."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from llmbackends.zone_setting import parse_zones
from llmbackends.zones import HostEntry, NetworkEntry, Zone


def test_zones_are_read_from_one_line() -> None:
    gpu, lab = " gpu = 10.1.0.0/16 , LLM.Bank.Internal. ", "lab=[fd12::1]:8000,*.lab.example:9000, fd13::/32"

    zones = parse_zones(f"{gpu};{lab};")

    assert zones == (
        Zone("gpu", (HostEntry("llm.bank.internal"),), (NetworkEntry(ip_network("10.1.0.0/16")),)),
        Zone(
            "lab",
            (HostEntry("*.lab.example", 9000),),
            (NetworkEntry(ip_network("fd12::1/128"), 8000), NetworkEntry(ip_network("fd13::/32"))),
        ),
    )


def test_mapped_network_is_that_of_ipv4() -> None:
    [zone] = parse_zones("a=::ffff:10.1.0.0/112")

    assert zone.networks == (NetworkEntry(ip_network("10.1.0.0/16")),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no zone"),
        ("gpu", "must look like"),
        ("=10.0.0.1", "must look like"),
        ("GPU box=10.0.0.1", "must look like"),
        ("gpu=", "no entry"),
        ("gpu=10.0.0.1; gpu=10.0.0.2", "twice"),
        ("internet=10.0.0.1", "LLM_ALLOW_REMOTE"),
        ("gpu=10.1.0.5/16", "no network"),
        ("gpu=10.0.0.0/33", "no network"),
        ("gpu=10.0.0.256", "neither"),
        ("gpu=0x7f000001", "neither"),
        ("gpu=http://llm", "port"),
        ("gpu=llm:0", "port"),
        ("gpu=llm:65536", "port"),
        ("gpu=llm:", "port"),
        ("gpu=[::1]8000", "port"),
        ("gpu=*", "neither"),
        ("gpu=a.*.b", "neither"),
        ("gpu=169.254.169.254", "never called"),
        ("gpu=fe80::/64", "never called"),
        ("gpu=a b", "neither"),
    ],
)
def test_wrong_zone_is_refused_with_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_zones(text)
