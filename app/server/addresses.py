"""Where the server listens."""

from dataclasses import dataclass

from ..certificates import Certificate
from ..settings import Settings
from .sockets import Ports


@dataclass(frozen=True, slots=True)
class Addresses:
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
