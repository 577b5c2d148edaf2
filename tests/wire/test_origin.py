"""Where requests go: what a base URL may be, and how an origin is written."""

import httpx
import pytest

from app.wire.origin import Origin, UpstreamBase

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
    assert UpstreamBase.parse(base_url) == UpstreamBase(url, host, prefix)


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
        UpstreamBase.parse(base_url)
    assert "fake-password" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "authority", "host_field"),
    [
        ("https://api.example", "api.example:443", "api.example"),
        ("http://api.example", "api.example:80", "api.example"),
        ("https://api.example:80", "api.example:80", "api.example:80"),
        ("https://[::1]:8443", "[::1]:8443", "[::1]:8443"),
        ("https://[::1]", "[::1]:443", "[::1]"),
        ("https://h\u00f6st", "xn--hst-sna:443", "xn--hst-sna"),
    ],
)
def test_an_origin_is_written_with_its_port_or_as_host_says_it(
    url: str, authority: str, host_field: str
) -> None:
    origin = Origin.of(httpx.URL(url))
    assert (origin.authority, origin.host_field) == (authority, host_field)
