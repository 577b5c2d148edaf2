"""Which addresses count as one client."""

from app.proxy.peer import UNKNOWN, peer_of
from tests.cases import every_case


@every_case(
    "address, peer",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("/run/proxy.sock", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_a_client_is_an_ipv4_address_or_a_site_of_ipv6(address: str, peer: str) -> None:
    assert peer_of((address, 4711)) == peer


def test_a_client_without_an_address_is_unknown() -> None:
    assert peer_of(None) == peer_of(()) == UNKNOWN
