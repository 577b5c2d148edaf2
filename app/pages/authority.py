"""``/ca.crt``: the CA that clients must trust, for clients on other machines.

A CA certificate is public, so it needs no token: clients fetch it before they can trust the proxy.
Host and Origin are checked as for every page.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import NotFound
from .exact import Exact
from .refusal import refusal

PATH = "/ca.crt"
NONE_HERE = (
    "The proxy has no CA of its own: it serves your own certificate "
    "(ANTHROPIC_PROXY_TLS_CERT_FILE). Trust the CA that signed that one."
)


def routes(certificate: Callable[[], bytes | None]) -> list[Route]:
    """Return the route. ``certificate`` gives the CA's certificate (PEM), or None for 404."""

    async def authority(_: Request) -> Response:
        found = certificate()
        if found is None:
            return refusal(NotFound("no_ca", NONE_HERE))
        return Response(
            found,
            media_type="application/x-pem-file",
            headers={"content-disposition": 'attachment; filename="anthropic-proxy-ca.crt"'},
        )

    return [Exact(PATH, authority)]
