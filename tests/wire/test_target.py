"""Behaviour A4: the target stays on the configured origin, byte for byte."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest
from app.wire.target import Origin, target

API = "https://api.anthropic.com"


@pytest.mark.parametrize(
    ("base_url", "url", "host", "prefix"),
    [
        (API, API, b"api.anthropic.com", b""),
        (API + "/", API, b"api.anthropic.com", b""),
        (API + ":443", API, b"api.anthropic.com", b""),
        ("HTTPS://API.Anthropic.com", API, b"api.anthropic.com", b""),
        ("http://127.0.0.1:80/", "http://127.0.0.1", b"127.0.0.1", b""),
        ("https://127.0.0.1:80", "https://127.0.0.1:80", b"127.0.0.1:80", b""),
        ("http://[::1]:8700", "http://[::1]:8700", b"[::1]:8700", b""),
        (API + "/a/b%2F/", API, b"api.anthropic.com", b"/a/b%2F"),
    ],
)
def test_a_base_url_says_where_requests_go(
    base_url: str, url: str, host: bytes, prefix: bytes
) -> None:
    assert Origin.parse(base_url) == Origin(url, host, prefix)


@pytest.mark.parametrize(
    ("base_url", "reason"),
    [
        ("", "must look like"),
        ("api.anthropic.com", "must look like"),
        ("ftp://api.anthropic.com", "must look like"),
        ("https://", "must look like"),
        ("https:///v1", "must look like"),
        ("https://user:fake-password@host", "user name"),
        ("https://@host", "user name"),
        ("https://host/?a=b", "query"),
        ("https://host?", "query"),
        ("https://host/#a", "fragment"),
        ("https://host:99999", "[Pp]ort"),
        ("https://host:x", "[Pp]ort"),
        ("https://[::1", "IPv6"),
        ("https://host/a b", "without spaces"),
        ("https://ho\nst", "without spaces"),
        ("https://h\u00f6st", "ASCII"),
    ],
)
def test_what_is_wrong_with_a_base_url_is_said_without_its_secrets(
    base_url: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        Origin.parse(base_url)
    assert "fake-password" not in str(caught.value)


LEGAL = st.binary().map(lambda tail: b"/" + re.sub(rb"[\x00-\x20\x7f#]", b"", tail))
ODD = st.sampled_from(
    [b"//evil.example/v1", b"/..", b"/@evil.example", b"/%2F%2f;a?", b"/\\e", b"/"]
)


@given(st.sampled_from([b"", b"/gateway"]), LEGAL | ODD)
def test_a_path_goes_on_byte_for_byte(prefix: bytes, requested: bytes) -> None:
    assert target(prefix, requested) == prefix + requested


@given(st.binary())
def test_nothing_but_a_path_goes_on(requested: bytes) -> None:
    if re.fullmatch(rb"/[^\x00-\x20\x7f#]*", requested):
        assert target(b"", requested) == requested
    else:
        with pytest.raises(BadRequest):
            target(b"", requested)


@pytest.mark.parametrize(
    "requested",
    [
        b"",
        b"*",
        b"v1/messages",
        b"https://evil.example/v1",
        b"evil.example:443",
        b"@evil.example",
        b"/v1#part",
        b"/v1 HTTP/1.1",
        b"/v1\r\nx: y",
        b"/\x00",
        b"/\x7f",
    ],
)
def test_what_is_no_path_is_refused(requested: bytes) -> None:
    with pytest.raises(BadRequest):
        target(b"/prefix", requested)
