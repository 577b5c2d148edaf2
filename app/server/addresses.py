"""Where the server listens."""

import msgspec

from ..certificates import Certificate
from ..settings import Settings
from .sockets import Ports


class Addresses(msgspec.Struct, frozen=True):
    """Where the server listens: the ports are real even where 0 was asked for."""

    host: str
    port: int
    dashboard_port: int
    certificate: Certificate
    forward_port: int | None = None

    @classmethod
    def of(cls, settings: Settings, ports: Ports, certificate: Certificate) -> "Addresses":
        """Return the addresses of bound sockets."""
        main, dashboard, *forward = (port.getsockname()[1] for port in ports.all)
        return cls(settings.host, main, dashboard, certificate, *forward)
