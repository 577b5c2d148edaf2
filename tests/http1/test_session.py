"""Responses over HTTP/1.1 as playbooks: bytes in, events out (RFC 9112)."""

from collections.abc import Callable

import pytest

from app.http1.session import End, Head, Interim, Session
from app.network.errors import Lost, MalformedResponse
from tests.playbook import Playbook

SEGMENTS = (1, 2, 3, 7, 2**30)
LENGTH_4 = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Begin = Callable[[bytes], Callable[[], None]]
Play = tuple[Playbook, Begin]


@pytest.fixture(params=SEGMENTS)
def play(request: pytest.FixtureRequest) -> Play:
    """Return a playbook in segments, and what begins a request."""
    session = Session()

    def begin(method: bytes) -> Callable[[], None]:
        return lambda: session.begin(method)

    return Playbook(session.receive, segment=request.param), begin


def test_a_body_ends_with_its_length_and_the_connection_is_used_again(play: Play) -> None:
    playbook, begin = play
    assert (
        playbook
        >> begin(b"POST")
        >> LENGTH_4
        << Head(200, [(b"Content-Length", b"4")])
        >> b"body"
        << b"body"
        << End(reusable=True)
        >> begin(b"GET")
        >> LENGTH_4 + b"next"
        << Head(200, [(b"Content-Length", b"4")])
        << b"next"
        << End(reusable=True)
    )


def test_a_response_without_a_body_ends_with_its_head(play: Play) -> None:
    playbook, begin = play
    assert (
        playbook
        >> begin(b"HEAD")
        >> LENGTH_4
        << Head(200, [(b"Content-Length", b"4")])
        << End(reusable=True)
        >> begin(b"GET")
        >> b"HTTP/1.1 304 Not Modified\r\n\r\n"
        << Head(304, [])
        << End(reusable=True)
    )


def test_interim_responses_are_signs_of_life(play: Play) -> None:
    playbook, begin = play
    assert (
        playbook
        >> begin(b"POST")
        >> b"HTTP/1.1 100 Continue\r\n\r\n"
        << Interim()
        >> b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        << Interim()
        >> b"HTTP/1.1 204 No Content\r\n\r\n"
        << Head(204, [])
        << End(reusable=True)
    )


def test_chunks_come_without_their_frames_and_trailers_are_dropped(play: Play) -> None:
    playbook, begin = play
    assert (
        playbook
        >> begin(b"POST")
        >> CHUNKED
        << Head(200, [(b"Transfer-Encoding", b"chunked")])
        >> b"4\r\nbody\r\n"
        << b"body"
        >> b"0\r\nX-Trailer: 1\r\n\r\n"
        << End(reusable=True)
    )


def test_a_body_of_no_length_ends_with_the_connection(play: Play) -> None:
    playbook, begin = play
    assert (
        playbook
        >> begin(b"GET")
        >> b"HTTP/1.1 200 OK\r\n\r\nall"
        << Head(200, [])
        << b"all"
        >> b""
        << End(reusable=False)
    )


def test_a_connection_that_is_to_close_is_not_used_again(play: Play) -> None:
    playbook, begin = play
    assert (
        playbook
        >> begin(b"GET")
        >> b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        << Head(204, [(b"Connection", b"close")])
        << End(reusable=False)
    )


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200", LENGTH_4, LENGTH_4 + b"bod", CHUNKED])
def test_a_connection_that_ends_within_a_response_is_lost(before: bytes) -> None:
    session = Session()
    session.begin(b"GET")
    list(session.receive(before)) if before else None
    assert Playbook(session.receive) >> b"" << Lost


@pytest.mark.parametrize(
    "malformed",
    [
        b"hello\r\n\r\n",
        CHUNKED[:-2] + b"Content-Length: 4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_a_malformed_head_is_no_response(play: Play, malformed: bytes) -> None:
    playbook, begin = play
    assert playbook >> begin(b"GET") >> malformed << MalformedResponse


def test_what_comes_behind_a_response_forbids_another() -> None:
    session = Session()
    session.begin(b"GET")
    assert (
        Playbook(session.receive)
        >> LENGTH_4 + b"bodyHTTP/1.1 200 OK\r\n\r\n"
        << Head(200, [(b"Content-Length", b"4")])
        << b"body"
        << End(reusable=False)
    )
