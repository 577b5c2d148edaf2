"""Which tunnels are served, made or refused."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Forbidden
from app.forward.addresses import is_public
from app.forward.policy import ALLOW, Policy, Rule, rules
from app.forward.target import Target
from tests.cases import every_case

API = Target("api.anthropic.com", 443)
OURS = {"own_ports": frozenset({8443, 9090, 8444}), "own_names": frozenset({"box", "192.0.2.7"})}


def policy(*allowed: str, others: str = "tunnel") -> Policy:
    return Policy(frozenset({API}), others, rules(allowed), **OURS)  # type: ignore[arg-type]


def verdict(made: Policy, text: str) -> str:
    try:
        return made.decide(Target.parse(text))
    except Forbidden as exc:
        return exc.reason


def at(made: Policy, text: str, address: str, *, ours: bool = False) -> str:
    """Return what becomes of a name once it is looked up."""
    try:
        made.check_address(Target.parse(text), ipaddress.ip_address(address), ours=ours)
    except Forbidden as exc:
        return exc.reason
    return "tunnel"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("api.anthropic.com:443", "intercept"),
        ("API.anthropic.com.:443", "intercept"),
        ("api.anthropic.com:8443", "forward_port"),
        ("api.anthropic.com:80", "forward_port"),
        ("console.anthropic.com:443", "tunnel"),
        ("example.com:443", "tunnel"),
        ("example.com:22", "forward_port"),
        ("8.8.8.8:443", "tunnel"),
        ("[2001:4860:4860::8888]:443", "tunnel"),
        ("localhost:443", "forward_private"),
        ("x.localhost:443", "forward_private"),
        ("printer.local:443", "forward_private"),
        ("metadata.google.internal:443", "forward_private"),
        ("intranet:443", "forward_private"),
        ("127.0.0.1:443", "forward_private"),
        ("10.0.0.1:443", "forward_private"),
        ("169.254.169.254:443", "forward_private"),
        ("[::1]:443", "forward_private"),
        ("[::ffff:10.0.0.1]:443", "forward_private"),
        ("localhost:8443", "forward_loop"),
        ("box:9090", "forward_loop"),
        ("192.0.2.7:8444", "forward_loop"),
        ("127.9.9.9:9090", "forward_loop"),
        ("0.0.0.0:9090", "forward_loop"),
        ("[::]:8444", "forward_loop"),
        ("[::ffff:127.0.0.1]:8443", "forward_loop"),
        ("example.com:8443", "forward_port"),
    ],
)
def test_a_tunnel_is_served_made_or_refused(target: str, expected: str) -> None:
    assert verdict(policy(), target) == expected


@pytest.mark.parametrize(
    ("allowed", "target", "expected"),
    [
        ("git.corp.example:8022", "git.corp.example:8022", "tunnel"),
        ("git.corp.example:8022", "git.corp.example:443", "tunnel"),
        ("git.corp.example:8022", "git.corp.example:22", "forward_port"),
        ("git.corp.example:8022", "evilgit.corp.example:8022", "forward_port"),
        ("*.corp.example:8022", "git.corp.example:8022", "tunnel"),
        ("*.corp.example:8022", "corp.example:8022", "forward_port"),
        ("*.corp.example:8022", "evilcorp.example:8022", "forward_port"),
        ("git", "git:443", "tunnel"),
        ("127.0.0.1:5000", "127.0.0.1:5000", "tunnel"),
        ("127.0.0.1:5000", "127.0.0.2:5000", "forward_port"),
        ("10.0.0.0/8", "10.1.2.3:443", "tunnel"),
        ("10.0.0.0/8", "[::ffff:10.1.2.3]:443", "tunnel"),
        ("10.9.9.9/8", "10.1.2.3:443", "tunnel"),  # an address in its network
        ("[fd00::]/8", "[fd00::1]:443", "tunnel"),
        ("10.0.0.1", "[::ffff:10.0.0.1]:443", "tunnel"),
        ("10.0.0.0/8:22", "any.example:22", "tunnel"),  # its addresses are looked at
        ("10.0.0.0/8", "any.example:22", "forward_port"),
        ("203.0.113.0/24:9090", "203.0.113.1:9090", "tunnel"),  # our port, on another machine
        ("10.0.0.0/8", "10.1.2.3:22", "forward_port"),
        ("10.0.0.0/8:22", "10.1.2.3:22", "tunnel"),
        ("10.0.0.0/8", "11.0.0.1:443", "tunnel"),
        ("10.0.0.0/8", "192.168.0.1:443", "forward_private"),
        ("fd00::/8", "[fd00::1]:443", "tunnel"),
        ("[fd00::]/8:22", "[fd00::1]:22", "tunnel"),
        ("localhost:8443", "localhost:8443", "forward_loop"),
        ("127.0.0.0/8:9090", "127.0.0.1:9090", "forward_loop"),
    ],
)
def test_the_list_of_allowed_targets_adds_to_the_public_ones(
    allowed: str, target: str, expected: str
) -> None:
    assert verdict(policy(allowed), target) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("api.anthropic.com:443", "intercept"),
        ("example.com:443", "forward_refused"),
        ("localhost:443", "forward_refused"),
        ("localhost:8443", "forward_loop"),
        ("ok.example:443", "tunnel"),
    ],
)
def test_others_are_refused_if_so_set_except_those_listed(target: str, expected: str) -> None:
    assert verdict(policy("ok.example", others="refuse"), target) == expected


@every_case(
    "target, others, said",
    [
        ("example.com:443", "refuse", ("FORWARD_OTHERS=refuse", "NO_PROXY", ALLOW)),
        ("example.com:22", "tunnel", ("port 443 only", f"list host:port in {ALLOW}")),
        ("10.0.0.1:443", "tunnel", ("private addresses", "NO_PROXY", ALLOW)),
        ("localhost:9090", "tunnel", ("lead back to this proxy",)),
    ],
)
def test_a_refusal_says_why_and_what_would_allow_it(
    target: str, others: str, said: tuple[str, ...]
) -> None:
    with pytest.raises(Forbidden) as refused:
        policy(others=others).decide(Target.parse(target))
    assert [words for words in said if words not in str(refused.value)] == []


def test_an_address_of_a_name_is_checked_again() -> None:
    made = policy("git.corp.example", "10.0.0.0/8", "10.0.0.0/8:22")
    assert at(made, "rebound.example:443", "127.0.0.1") == "forward_private"
    assert at(made, "rebound.example:443", "192.0.2.1") == "forward_private"
    assert at(made, "example.com:443", "93.184.216.34") == "tunnel"
    assert at(made, "git.corp.example:443", "192.168.1.1") == "tunnel"
    assert at(made, "any.example:443", "10.1.2.3") == "tunnel"
    assert verdict(made, "any.example:22") == "tunnel"
    assert at(made, "any.example:22", "93.184.216.34") == "forward_port"
    assert at(made, "any.example:9090", "10.1.2.3", ours=True) == "forward_loop"
    assert at(made, "any.example:443", "10.1.2.3", ours=True) == "tunnel"
    assert at(policy("10.0.0.0/8:9090"), "any.example:9090", "10.1.2.3") == "tunnel"
    strict = policy("10.0.0.0/8", others="refuse")
    assert at(strict, "any.example:443", "10.1.2.3") == "tunnel"
    assert at(strict, "any.example:443", "93.184.216.34") == "forward_refused"


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "10.255.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "168.63.129.16",
        "169.254.169.254", "172.31.0.1", "192.0.0.192", "192.168.0.1", "198.18.0.1",
        "203.0.113.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "fe80::1",
        "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1",
        "2001:0:a00:1::", "2001:0:808:808::80ff:fffe", "::ffff:0:7f00:1", "::ffff:0:808:808",
        "64:ff9b:1:a9fe:a9:fe00:808:808", "100::1", "5f00::1", "4000::1", "1::1",
    ],
)  # fmt: skip
def test_an_address_that_not_every_machine_could_reach_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_dressing_an_address_up_makes_it_no_more_public(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    dressed = [
        ipaddress.IPv6Address((0xFFFF << 32) + number),
        ipaddress.IPv6Address((0x2002 << 112) + (number << 80)),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + number),
    ]
    assert {is_public(one) for one in dressed} <= {is_public(address)}


@pytest.mark.parametrize(
    "text", ["", "a b", "a:0", "10.0.0.0/33", "*", "*.", "fd00::1", "a/b", "a:x"]
)
def test_a_rule_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Rule.parse(text)
