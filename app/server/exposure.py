"""Warns when strangers may use the proxy or see its pages."""

import structlog

from ..settings import Settings, variable
from ..wire.origin import LOOPBACK

log = structlog.get_logger(__name__)


def warn_if_exposed(settings: Settings) -> None:
    """Say in one line when strangers on the network may use the proxy, and what to do."""
    locked = settings.access_token is not None or settings.tls_client_ca_file is not None
    if not locked and settings.host not in LOOPBACK:
        log.warning(
            "anyone who reaches this machine may use the proxy",
            host=settings.host,
            remedy=f"set {variable('host')}=127.0.0.1, or {variable('access_token')}",
        )
    if settings.tls_client_ca_file is not None and settings.pages_token is None:
        log.warning(
            "client certificates do not protect the pages, which are plain HTTP",
            port=settings.dashboard_port,
            remedy=f"set {variable('pages_token')}",
        )
