"""Makes what reaches upstream."""

from ..http2 import Transport
from ..settings import Settings


def transport_of(settings: Settings) -> Transport:
    """Return the transport to upstream."""
    return Transport(
        ssl_context=settings.upstream_tls,
        http2=settings.upstream_http2,
        max_connections=settings.upstream_max_connections,
        max_keepalive_connections=settings.upstream_max_keepalive_connections,
        max_streams_per_connection=settings.upstream_max_streams_per_connection,
        ping_interval=settings.upstream_ping_interval,
        max_connection_age=settings.upstream_max_connection_age,
    )
