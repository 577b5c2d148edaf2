"""Warns when strangers may use the proxy, see its pages, or read the keys of its clients."""

import httpx
import structlog

from ..settings import Settings, variable
from ..wire.origin import LOOPBACK, Origin

log = structlog.get_logger(__name__)


def warn_if_exposed(settings: Settings) -> None:
    """Say in one line each what strangers on the network may do, and how to prevent it."""
    locked = settings.access_token is not None or settings.tls_client_ca_file is not None
    if not locked and settings.host not in LOOPBACK:
        log.warning(
            "anyone who reaches this machine may use the proxy",
            host=settings.host,
            remedy=(
                f"set {variable('host')}=127.0.0.1 (a container: publish its ports there, as "
                f"docker-compose.yml does), or {variable('access_token')}"
            ),
        )
    if settings.tls_client_ca_file is not None and settings.pages_token is None:
        log.warning(
            "client certificates do not protect the pages, which are plain HTTP",
            port=settings.dashboard_port,
            remedy=f"set {variable('pages_token')}",
        )
    upstream = Origin.of(httpx.URL(settings.origin.url))
    if upstream.scheme == "http" and upstream.host not in LOOPBACK:
        log.warning(
            "keys and prompts go to upstream unencrypted",
            upstream=settings.upstream_base_url,
            remedy=f"set {variable('upstream_base_url')} to an https:// URL",
        )
