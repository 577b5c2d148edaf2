"""Requests are sent as given: targets, fields, statuses, framing."""

import gzip

import httpx
import pytest
from hpack import NeverIndexedHeaderTuple
from hyperframe.frame import DataFrame, HeadersFrame
from hypothesis import given
from hypothesis import strategies as st

from app.http2 import Transport
from app.http2.fields import for_request, from_response
from app.network.errors import FieldsTooLarge, MalformedResponse
from app.wire.heads import section_size
from tests.http2.outgoing import request
from tests.http2.peer import Call, eventually, peer
from tests.http2.tls import Tls

TARGETS = [
    b"/v1/messages?beta=true",
    b"/a%2Fb",
    b"//evil.example/x",
    b"/a/../b/./c",
    b"/a;b=c",
    b"/a?",
    b"/?a=%00&b=+",
    b"/caf\xc3\xa9",
    b'/[]{}|^\\"<>#fragment',
]


async def mirror(call: Call) -> None:
    await call.whole.wait()
    await call.respond(b"\n".join(name + b"=" + value for name, value in call.fields))


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_goes_out_byte_for_byte(
    transport: Transport, tls: Tls, target: bytes
) -> None:
    async with peer(tls.server("h2"), mirror) as upstream:
        response = await transport.handle_async_request(request(upstream.url, target))
        await response.aread()
        assert upstream.calls[0].path == target


async def test_fields_go_out_and_come_back_as_they_are(transport: Transport, tls: Tls) -> None:
    sent = [
        (b"X-Case", b"Kept In Value"),
        (b"anthropic-beta", b"one"),
        (b"anthropic-beta", b"two"),
        (b"x-latin", b"caf\xe9"),
        (b"x-utf8", b"caf\xc3\xa9"),
        (b"x-empty", b""),
        (b"x-api-key", b"fake-key"),
    ]
    large = (b"x-large", b"v" * 200_000)
    received = [
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-latin", b"caf\xe9"),
        (b"x-utf8", b"caf\xc3\xa9"),
        large,
    ]

    async def answer(call: Call) -> None:
        call.head(200, received, end=True)

    async with peer(tls.server("h2"), answer) as upstream:
        hop = [(b"Connection", b"close"), (b"TE", b"trailers"), (b"transfer-encoding", b"chunked")]
        response = await transport.handle_async_request(
            request(upstream.url, b"/", headers=[*sent, large, *hop])
        )
        assert response.headers.raw == received
        host = upstream.url.removeprefix("https://").encode()
        assert upstream.calls[0].fields == [
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", host),
            (b":path", b"/"),
            *((name.lower(), value) for name, value in [*sent, large]),
        ]


async def test_nothing_of_one_response_is_sent_with_the_next_request(
    transport: Transport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        call.head(200, [(b"set-cookie", b"session=fake; Path=/")], end=True)

    async with peer(tls.server("h2"), answer) as upstream:
        for _ in range(2):
            response = await transport.handle_async_request(request(upstream.url))
            assert "set-cookie" in response.headers
        assert b"cookie" not in dict(upstream.calls[1].fields)


@pytest.mark.parametrize(("status", "method"), [(200, "HEAD"), (204, "GET"), (304, "GET")])
@pytest.mark.parametrize("at_once", [True, False])
async def test_responses_without_content_may_announce_a_length(
    transport: Transport, tls: Tls, status: int, method: str, *, at_once: bool
) -> None:
    async def answer(call: Call) -> None:
        call.head(status, [(b"content-length", b"1234")], end=at_once)
        if not at_once:
            await call.data(b"", end=True)

    async with peer(tls.server("h2"), answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url, method=method))
        assert (response.status_code, await response.aread()) == (status, b"")
    assert transport.stats.resets_sent == 0


async def test_interim_responses_padding_empty_data_and_trailers_pass_unseen(
    transport: Transport, tls: Tls
) -> None:
    body = gzip.compress(b"content" * 1000)

    async def answer(call: Call) -> None:
        call.head(103, [(b"link", b"</style.css>; rel=preload")])
        call.head(200, [(b"content-encoding", b"gzip")])
        call.wire.send(DataFrame(call.id, b""))
        await call.data(body[:20], pad=255)
        call.wire.send(DataFrame(call.id, b""))
        await call.data(body[20:], pad=7)
        trailers = HeadersFrame(call.id, call.wire.encoder.encode([(b"x-trailer", b"1")]))
        trailers.flags |= {"END_HEADERS", "END_STREAM"}
        call.wire.send(trailers)

    async with peer(tls.server("h2"), answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        assert response.status_code == 200
        chunks = [chunk async for chunk in response.stream]  # type: ignore[union-attr] # async
        assert b"" not in chunks
        assert b"".join(chunks) == body


@pytest.mark.parametrize(
    "fields",
    [
        [(b"x", b"1")],
        [(b":status", b"abc")],
        [(b":status", b"200"), (b":status", b"204")],
        [(b":status", b"200"), (b":path", b"/")],
        [(b":status", b"200"), (b"transfer-encoding", b"chunked")],
        [(b":status", b"200"), (b"x", b"a\r\nset-cookie: b")],
        [(b":status", b"200"), (b"Upper", b"1")],
        [(b":status", b"200"), (b"x y", b"1")],
    ],
)
async def test_a_malformed_response_is_refused_and_its_stream_reset(
    transport: Transport, tls: Tls, fields: list[tuple[bytes, bytes]]
) -> None:
    async def answer(call: Call) -> None:
        call.wire.head(call.id, fields)

    async with peer(tls.server("h2"), answer) as upstream:
        with pytest.raises(MalformedResponse, match="malformed response"):
            await transport.handle_async_request(request(upstream.url))
        await eventually(lambda: len(upstream.resets) == 1)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (b"/a b", []),
        (b"/a\r\n", []),
        (b"/", [(b"x", b"a\r\nb: c")]),
        (b"/", [(b"x\x00", b"a")]),
        (b"/", [(b"", b"a")]),
        (b"/", [(b":path", b"/other")]),
    ],
)
async def test_a_request_that_could_smuggle_is_not_sent(
    transport: Transport, tls: Tls, target: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    async with peer(tls.server("h2"), mirror) as upstream:
        with pytest.raises(httpx.LocalProtocolError):
            await transport.handle_async_request(request(upstream.url, target, headers=headers))
        assert upstream.wires == []


def test_secrets_never_enter_a_compression_table() -> None:
    secret = [(b"Authorization", b"Bearer fake"), (b"x-api-key", b"fake"), (b"cookie", b"a=b")]
    fields = for_request(request("https://localhost", headers=[*secret, (b"accept", b"*/*")]))
    never = [bytes(field[0]) for field in fields if isinstance(field, NeverIndexedHeaderTuple)]
    assert never == [b"authorization", b"x-api-key", b"cookie"]


@given(
    st.lists(
        st.tuples(
            st.from_regex(rb"[a-z0-9!#$%&'*+.^_`|~-]+", fullmatch=True),
            st.binary().filter(lambda value: not set(value) & set(b"\0\r\n\v\f")),
        )
    )
)
def test_valid_response_fields_are_returned_unchanged(fields: list[tuple[bytes, bytes]]) -> None:
    assert from_response([(b":status", b"200"), *fields]) == (200, fields)


@pytest.mark.parametrize(
    ("fields", "authority"),
    [([], b"upstream.example:8443"), ([("Host", "api.example")], b"api.example")],
)
def test_the_authority_is_that_of_the_host_field_or_of_the_url(
    fields: list[tuple[str, str]], authority: bytes
) -> None:
    sent = httpx.Request("GET", "https://upstream.example:8443/x")
    sent.headers = httpx.Headers(fields)
    made = dict(for_request(sent))
    assert made[b":authority"] == authority
    assert b"host" not in made


@pytest.mark.parametrize(
    ("target", "field", "said"),
    [
        (b"/a b", b"x", "the target contains a blank"),
        (b"/x", b"bad name", "name is not a lower-case token"),
    ],
)
def test_a_request_that_cannot_be_sent_says_what_is_wrong(
    target: bytes, field: bytes, said: str
) -> None:
    sent = httpx.Request("GET", "https://upstream.example/", extensions={"target": target})
    sent.headers = httpx.Headers([(field, b"y")])
    with pytest.raises(httpx.LocalProtocolError, match=said):
        for_request(sent)


@pytest.mark.parametrize(
    "fields", [[(b"x-long", b"v" * 9_000)], [(b"x-%d" % n, b"") for n in range(300)]]
)
async def test_a_head_beyond_the_peers_limit_is_not_sent(
    transport: Transport, tls: Tls, fields: list[tuple[bytes, bytes]]
) -> None:
    async with peer(tls.server("h2"), settings={6: 9_000}) as upstream:
        for _ in range(2):  # the peer's SETTINGS are here before the first answer
            response = await transport.handle_async_request(request(upstream.url))
            await response.aread()
            with pytest.raises(FieldsTooLarge, match="9000 bytes"):
                await transport.handle_async_request(request(upstream.url, headers=fields))
        assert transport.stats.streams_open == 0
        assert len(upstream.wires) == 1
        assert [call.path for call in upstream.calls] == [b"/", b"/"]


async def test_a_head_at_the_peers_limit_is_sent(transport: Transport, tls: Tls) -> None:
    limit = 9_000
    async with peer(tls.server("h2"), mirror, settings={6: limit}) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        await response.aread()
        size = section_size(upstream.calls[0].fields) + 32
        fields = [(b"x", b"v" * (limit - size - 1))]
        response = await transport.handle_async_request(request(upstream.url, headers=fields))
        await response.aread()
        assert section_size(upstream.calls[1].fields) == limit
