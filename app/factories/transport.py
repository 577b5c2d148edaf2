"""Makes what reaches upstream."""

import ssl
from collections.abc import Callable

from ..failures import StartError
from ..http2 import Transport
from ..settings import Settings


def transport_of(settings: Settings) -> Transport:
    """Return the transport to upstream; raises `StartError`."""
    return Transport(
        ssl_context=trusting(lambda: settings.upstream_tls),
        http2=settings.upstream_http2,
        max_connections=settings.upstream_max_connections,
        max_keepalive_connections=settings.upstream_max_keepalive_connections,
        max_streams_per_connection=settings.upstream_max_streams_per_connection,
        ping_interval=settings.upstream_ping_interval,
        max_connection_age=settings.upstream_max_connection_age,
    )


def trusting(made: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return a context of the usual CAs; raises `StartError` if the environment's can't be read.

    A file that the settings name was read with them.
    """
    try:
        return made()
    except OSError as exc:  # SSLError is one
        raise StartError(
            f"SSL_CERT_FILE or SSL_CERT_DIR: the trusted certificates cannot be read "
            f"({exc.strerror or exc}): name a PEM file with the certificates of CAs, or unset it"
        ) from exc
