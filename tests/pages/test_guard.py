"""Behaviour E1 and E2: who may look at the pages, and what a browser may do with them."""

import base64

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from app.pages.guard import Guard
from app.wire.headers import ERROR_HEADER

TOKEN = "fake-pages-token"


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as a page does that has a caching rule of its own."""
    del receive
    caching = [(b"cache-control", b"max-age=60")] if scope["path"] == "/app.js" else []
    await send({"type": "http.response.start", "status": 200, "headers": caching})
    await send({"type": "http.response.body", "body": b"page"})


async def _at_once(_seconds: float) -> None:
    """Wait no second after a wrong token."""


async def _get(
    headers: dict[str, bytes] | None = None,
    *,
    path: str = "/dashboard",
    host: str = "localhost:9090",
    token: str | None = None,
    scheme: str = "http",
) -> httpx.Response:
    guard = Guard(_page, names={"proxy.example"}, token=token, sleep=_at_once)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard)) as client:
        fields = {"host": host.encode("latin-1")} | (headers or {})
        sent = [(name.encode(), value) for name, value in fields.items()]
        return await client.get(f"{scheme}://localhost{path}", headers=sent)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:9090",
        "LOCALHOST:9090",
        "localhost.:9090",
        "app.localhost:9090",
        "127.0.0.1",
        "127.0.0.1:9090",
        "192.168.1.20:9090",
        "[::1]",
        "[::1]:9090",
        "[FE80::1]:9090",
        "proxy:9090",  # a container's name
        "proxy.example",
        "Proxy.Example.:9090",
    ],
)
async def test_names_that_no_stranger_can_point_here_are_served(host: str) -> None:
    assert (await _get(host=host)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":9090",
        "evil.example",
        "evil.example:9090",
        "127.0.0.1.evil.example",
        "127-0-0-1.nip.example:9090",
        "localhost.evil.example",
        "notlocalhost.example",
        "sub.proxy.example",
        "proxy.example.evil.example",
        "127.1",
        "[::1].evil.example",
        "[::1",
        "[]",
        "::1",
        "localhost:9090:evil.example",
        "user@localhost",
        "localhost/..",
        "evil.example\xa0",
    ],
)
async def test_names_that_a_stranger_could_point_here_are_refused(host: str) -> None:
    answer = await _get(host=host)
    assert (answer.status_code, answer.headers[ERROR_HEADER.decode()]) == (403, "host")
    assert answer.json()["error"]["type"] == "permission_error"
    assert "evil" not in answer.text


@given(st.text("abc.:[]@%/-_0189", max_size=20))
async def test_a_name_with_a_dot_is_served_only_when_it_is_ours_or_an_address(host: str) -> None:
    host = f"{host}.evil.example"
    assert (await _get(host=host)).status_code == 403


@pytest.mark.parametrize(
    ("origin", "scheme", "status"),
    [
        (None, "http", 200),
        ("http://localhost:9090", "http", 200),
        ("HTTP://LocalHost:9090", "http", 200),
        ("https://localhost:9090", "https", 200),
        ("https://localhost:9090", "http", 403),
        ("http://localhost", "http", 403),
        ("http://localhost:8443", "http", 403),
        ("http://127.0.0.1:9090", "http", 403),
        ("https://evil.example", "http", 403),
        ("http://localhost:9090.evil.example", "http", 403),
        ("null", "http", 403),
        ("", "http", 403),
    ],
)
async def test_pages_of_other_origins_are_refused(
    origin: str | None, scheme: str, status: int
) -> None:
    headers = {} if origin is None else {"origin": origin.encode()}
    assert (await _get(headers, scheme=scheme)).status_code == status


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        (b"same-origin", b"cors", 200),
        (b"none", b"navigate", 200),
        (b"cross-site", b"navigate", 200),  # a link
        (b"cross-site", b"no-cors", 403),  # an image, a script
        (b"same-site", b"no-cors", 403),  # another port of this machine
        (b"cross-site", b"", 403),
    ],
)
async def test_pages_of_other_origins_cannot_load_it_either(
    site: bytes, mode: bytes, status: int
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    assert (await _get(headers)).status_code == status


def _basic(pair: str) -> bytes:
    return b"Basic " + base64.b64encode(pair.encode())


@pytest.mark.parametrize(
    "shown",
    [
        f"Bearer {TOKEN}".encode(),
        f"bearer  {TOKEN}".encode(),
        _basic(f":{TOKEN}"),
        _basic(f"anyone:{TOKEN}"),
        _basic(f"anyone:{TOKEN}").replace(b"Basic", b"BASIC"),
    ],
)
async def test_the_token_opens_the_pages(shown: bytes) -> None:
    assert (await _get({"authorization": shown}, token=TOKEN)).status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer wrong",
        b"Bearer " + TOKEN[:-1].encode(),
        TOKEN.encode(),
        b"Digest " + TOKEN.encode(),
        _basic(TOKEN),
        _basic("anyone:wrong"),
        _basic(f"{TOKEN}:anyone"),
        b"Basic !!!",
        b"Basic YQ",
        b"Basic \xe9",
        b"Bearer \xe9\xff",
    ],
)
async def test_anything_else_is_asked_for_the_token(shown: bytes | None) -> None:
    answer = await _get({} if shown is None else {"authorization": shown}, token=TOKEN)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert answer.headers[ERROR_HEADER.decode()] == "pages_token"
    assert TOKEN not in answer.text


async def test_a_token_beyond_ascii_opens_the_pages() -> None:
    token = "fake-t\u00f6ken"
    assert (await _get({"authorization": _basic(f"a:{token}")}, token=token)).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_probes_are_open_to_every_name_and_need_no_token(path: str) -> None:
    answer = await _get(path=path, host="10.0.0.7.probe.example", token=TOKEN)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "host", "token"),
    [
        ("/dashboard", "localhost", None),
        ("/health", "localhost", None),
        ("/dashboard", "evil.example", None),
        ("/dashboard", "localhost", TOKEN),
    ],
    ids=["page", "probe", "403", "401"],
)
async def test_every_answer_tells_browsers_what_may_load(
    path: str, host: str, token: str | None
) -> None:
    headers = (await _get(path=path, host=host, token=token)).headers
    rules = {rule.strip() for rule in headers["content-security-policy"].split(";")}
    assert rules >= {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "frame-ancestors 'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert not any(name.startswith("access-control-") for name in headers)


async def test_a_page_may_choose_its_own_caching() -> None:
    assert (await _get(path="/app.js")).headers["cache-control"] == "max-age=60"


async def test_what_is_no_request_passes_untouched() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        seen.append(scope["type"])

    async def nothing(*_: object) -> None:
        """Neither receive nor send."""

    guard = Guard(app, names=(), token=TOKEN)
    await guard({"type": "lifespan"}, nothing, nothing)  # type: ignore[arg-type]
    assert seen == ["lifespan"]
