"""The start says what strangers on the network may do, and how to prevent it."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from app.certificates import Certificate
from app.server.exposure import warn_if_exposed
from app.settings import Settings

ANYONE = "anyone who reaches this machine may use the proxy"
PAGES = "client certificates do not protect the pages, which are plain HTTP"
PLAIN = "keys and prompts go to upstream unencrypted"
LOCAL = {"host": "127.0.0.1"}


@pytest.mark.parametrize(
    ("values", "events"),
    [
        ({}, [ANYONE]),
        ({"access_token": "fake-token"}, []),
        (LOCAL, []),
        (LOCAL | {"upstream_base_url": "http://api.example/v1"}, [PLAIN]),
        (LOCAL | {"upstream_base_url": "http://127.0.0.1:8700"}, []),
        (LOCAL | {"upstream_base_url": "http://[::1]:8700"}, []),
        (LOCAL | {"upstream_base_url": "https://api.example"}, []),
    ],
)
def test_the_start_warns_of_what_strangers_may_do(
    values: dict[str, Any], events: list[str]
) -> None:
    with capture_logs() as lines:
        warn_if_exposed(Settings(**values))
    assert [line["event"] for line in lines] == events
    assert all(line["remedy"].startswith("set ANTHROPIC_PROXY_") for line in lines)


@pytest.mark.parametrize("token", [None, "fake-token"])
def test_client_certificates_leave_the_pages_open(
    certificate: Certificate, token: str | None
) -> None:
    values: dict[str, Any] = {"tls_client_ca_file": certificate.ca_file, "pages_token": token}
    with capture_logs() as lines:
        warn_if_exposed(Settings(**values))
    assert [line["event"] for line in lines] == [PAGES] * (token is None)
