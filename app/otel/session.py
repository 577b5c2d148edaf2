"""The HTTP session of the SDK's exporters.

The headers of the variables may be credentials. So they go to the endpoint alone: a redirect is an
error, and a netrc file adds no others.
"""

import time
from typing import Any

import requests
from requests.auth import HTTPBasicAuth
from requests.utils import get_auth_from_url

REDIRECTS = range(300, 400)
ANSWER_LIMIT = 64 * 1024  # bytes of a collector's answer that are read


class Session(requests.Session):
    """Sends to the endpoint that was named, with the headers that were named.

    State: ``answer``, the body of the collector's last answer, and ``problem``, what was wrong
    last: a status or the name of an error's class, since its text may hold the URL.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answer = b""
        self.problem = ""
        self.auth = _named  # otherwise requests looks for credentials in a netrc file

    def merge_environment_settings(self, *arguments: Any) -> Any:
        """Return the proxies and certificates of the environment; an own certificate wins.

        requests lets REQUESTS_CA_BUNDLE win over the certificate that the session was given.
        """
        merged = super().merge_environment_settings(*arguments)
        return {**merged, "verify": self.verify} if isinstance(self.verify, str) else merged

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request; raises for a redirect, and reads no endless answer."""
        options |= {"stream": True, "allow_redirects": False}
        self.answer = b""
        try:
            response = super().send(request, **options)
        except Exception as error:
            self.problem = type(error).__name__
            raise
        self.problem = str(response.status_code)
        try:
            self.answer = _start_of(response, options.get("timeout"))
        finally:
            response.close()
        if response.status_code in REDIRECTS:  # the exporter would take it for a success
            raise requests.exceptions.TooManyRedirects("the collector redirects")
        return response


def _start_of(response: requests.Response, timeout: object) -> bytes:
    """Return the start of an answer: as much as comes in time, and is allowed."""
    end = time.monotonic() + (timeout if isinstance(timeout, int | float) else 0.0)
    found = b""
    while (room := ANSWER_LIMIT - len(found)) and time.monotonic() < end:
        piece = response.raw.read1(room)
        if not piece:
            break
        found += piece
    return found


def _named(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add the credentials of the endpoint's URL, if it has any."""
    user, password = get_auth_from_url(request.url or "")
    return HTTPBasicAuth(user, password)(request) if user or password else request
