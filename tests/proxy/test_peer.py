"""Which addresses count as one client."""

import contextlib

import httpx

from app.certificates import Certificate
from app.proxy.peer import UNKNOWN, peer_of
from simulator import Simulator
from tests.cases import every_case
from tests.proxying import DEADLINE, proxying


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


async def test_watchers_of_one_address_leave_it_connections_for_other_pages(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        proxying(upstream.url, certificate, peer_share=4 / 256) as proxy,
        httpx.AsyncClient(base_url=proxy.pages_url, timeout=DEADLINE) as pages,
        contextlib.AsyncExitStack() as watching,
    ):
        for _ in range(3):
            answer = await watching.enter_async_context(pages.stream("GET", "/metrics/stream"))
            assert answer.status_code == 200
        refused = await pages.get("/metrics/stream")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert (await pages.get("/health")).status_code == 200
