"""The forward proxy's port, where it is on."""

import ssl
from typing import Any

from msgspec.structs import replace

from ..application import Application
from ..forward.gate import Gate
from ..forward.intercepted import Intercepted
from ..forward.policy import Policy
from ..forward.reach import Reach
from ..forward.tunnels import Tunnels
from ..listener import Listener
from ..listener.limits import Limits
from ..network.dial import resolve
from ..settings import Settings, revealed
from ..telemetry.connections import Port
from ..tls import following_context
from .certificate import forward_certificate_of
from .sockets import Ports

DESCRIPTOR_SHARE = 8  # of the descriptors, at most 1 in 8 tunnels: each takes two


def forward_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context of intercepted tunnels, None where the mode is off."""
    if settings.forward_port is None:
        return None
    return following_context(forward_certificate_of(settings), settings.tls_client_ca_file)


def gate_of(application: Application, settings: Settings, ports: Ports, descriptors: int) -> Gate:
    """Return what decides about tunnels; ``descriptors`` is how many the process may use."""
    policy = Policy(
        hosts=frozenset(settings.forward_targets),
        others=settings.forward_others,
        allowed=settings.forward_rules,
        own_ports=ports.numbers,
        own_names=settings.allowed_hosts | {settings.forward_host.lower()},
    )
    limit = settings.forward_max_tunnels
    if descriptors > 0:
        limit = min(limit, descriptors // DESCRIPTOR_SHARE)
    return Gate(
        policy,
        Reach(policy, settings.upstream_connect_timeout, resolver=resolve),
        Tunnels(limit),
        application.telemetry.forward,
        token=revealed(settings.access_token),
        idle=settings.forward_idle,
    )


def forward_listener(
    application: Application,
    settings: Settings,
    ports: Ports,
    gate: Gate,
    *,
    state: dict[str, Any],
    context: ssl.SSLContext,
    limits: Limits,
) -> Listener:
    """Return what accepts on the forward proxy's port.

    On loopback, all of its connections come from one address. Tunnels have their own limits.
    """
    share = 1.0 if settings.forward_is_local else settings.peer_share
    places = limits.connections + settings.forward_max_tunnels
    # With those of the tunnels' other ends, a quarter is always left to the other ports.
    descriptors = limits.descriptors // 2 if limits.descriptors > 0 else limits.descriptors
    assert ports.forward is not None  # noqa: S101 - for mypy
    return Listener(
        Intercepted(application.proxy, revealed(settings.access_token)),
        ports.forward,
        state=state,
        ssl_context=context,
        limits=replace(limits, connections=places, peer_share=share, descriptors=descriptors),
        observer=Port(application.telemetry.connections, "forward"),
        entrance=gate.admit,
    )
