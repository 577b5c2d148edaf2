"""Errors of connections are told in plain words."""

import errno
import socket
import ssl

import pytest

from app.network.words import words

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('192.0.2.7', 443)")


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (REFUSED, "connection refused"),
        (OSError(errno.ECONNREFUSED, "Multiple exceptions: …"), "connection refused"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "name or service not known",
        ),
        (socket.gaierror(), "the name was not found"),
        (ssl.SSLError(1, "[SSL] record layer failure"), "[SSL] record layer failure"),
        (OSError("api.example has no address"), "api.example has no address"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_an_error_is_told_without_numbers_and_internals(exc: Exception, expected: str) -> None:
    assert words(exc) == expected
