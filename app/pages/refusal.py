"""Failures as responses of the pages."""

from starlette.responses import Response

from ..anthropic.errors import answer
from ..errors import ProxyFailure


def refusal(failure: ProxyFailure) -> Response:
    """Return the answer to a failure."""
    status, headers, body = answer(failure)
    response = Response(body, status)
    response.raw_headers = headers
    return response
