"""What becomes of a CONNECT request: it is served here, tunnelled or refused. Pure.

The rules, in order::

    our own ports on this machine                      refused (forward_loop)
    the API's hosts                                    served here
    listed in ANTHROPIC_PROXY_FORWARD_ALLOW            tunnelled
    anything, with FORWARD_OTHERS=refuse               refused (forward_refused)
    another port than 443                              refused (forward_port)
    a local name, or an address that is not public     refused (forward_private)
    everything else                                    tunnelled

A name is looked up once, and each address of it has to pass again (`Policy.check_address`).
"""

import ipaddress
from collections.abc import Iterable
from typing import Literal

import msgspec

from ..errors import Forbidden
from .addresses import is_public, meant_by
from .target import HTTPS, Address, Target

Others = Literal["tunnel", "refuse"]
Verdict = Literal["intercept", "tunnel"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOCAL = "localhost"
# Names that belong to no machine on the internet (RFC 6761, RFC 6762, RFC 8375, RFC 9476).
LOCAL_DOMAINS = (LOCAL, "local", "internal", "intranet", "lan", "home.arpa", "alt", "localdomain")
ALLOW = "ANTHROPIC_PROXY_FORWARD_ALLOW"


class Rule(msgspec.Struct, frozen=True):
    """One entry of the list of allowed targets: a name, ``*.`` and a domain, or a network."""

    host: str | Network
    port: int = HTTPS

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """Read ``host``, ``*.domain``, ``address`` or ``network``, with or without ``:port``.

        Raises ValueError.
        """
        network, slash, rest = text.partition("/")
        if slash:
            length, _, port = rest.partition(":")
            found = ipaddress.ip_network(f"{network.strip('[]')}/{length}", strict=False)
            return cls(found, Target.parse(f"x:{port}").port if port else HTTPS)
        wildcard = "*." if text.startswith("*.") else ""
        target = Target.parse(text.removeprefix(wildcard), default=HTTPS)
        if target.address is not None and not wildcard:
            return cls(ipaddress.ip_network(target.host), target.port)
        return cls(wildcard + target.host, target.port)

    def names(self, target: Target) -> bool:
        """Return True if the rule is for the name of this target."""
        if not isinstance(self.host, str) or self.port != target.port:
            return False
        domain = self.host.removeprefix("*")
        return target.host == self.host or (domain != self.host and target.host.endswith(domain))

    def covers(self, address: Address, port: int) -> bool:
        """Return True if the rule is for a network with this address."""
        return not isinstance(self.host, str) and self.port == port and _within(address, self.host)


class Policy(msgspec.Struct, frozen=True):
    """``hosts`` are served here; ``own_ports`` are the proxy's, on the machine of ``own_names``."""

    hosts: frozenset[Target]
    others: Others = "tunnel"
    allowed: tuple[Rule, ...] = ()
    own_ports: frozenset[int] = frozenset()
    own_names: frozenset[str] = frozenset()

    def decide(self, target: Target) -> Verdict:
        """Return what becomes of a request before any name is looked up; raises `Forbidden`."""
        if target.port in self.own_ports and self._is_here(target):
            raise loop()
        if target in self.hosts:
            return "intercept"
        if target.address is not None:
            self.check_address(target, target.address, ours=False)
        elif not self._names(target):
            if not self._may_be_in_a_network(target):
                self._check_unlisted(target, public=True)
            if _is_local_name(target.host):
                raise _private()
        return "tunnel"

    def check_address(self, target: Target, address: Address, *, ours: bool) -> None:
        """Check an address that a target stands for; raises `Forbidden`.

        ``ours`` says that it is an address of this machine.
        """
        if ours and target.port in self.own_ports:
            raise loop()
        covered = any(rule.covers(address, target.port) for rule in self.allowed)
        if not covered and not self._names(target):
            self._check_unlisted(target, public=is_public(address))

    def _check_unlisted(self, target: Target, *, public: bool) -> None:
        if self.others == "refuse":
            raise Forbidden(
                "forward_refused",
                "This forward proxy serves the API's host only (ANTHROPIC_PROXY_FORWARD_OTHERS="
                f"refuse): name other hosts in NO_PROXY, or allow them in {ALLOW}.",
            )
        if target.port != HTTPS:
            raise Forbidden(
                "forward_port",
                f"This forward proxy tunnels to port {HTTPS} only: list host:port in {ALLOW} "
                "to allow another one.",
            )
        if not public:
            raise _private()

    def _names(self, target: Target) -> bool:
        return any(rule.names(target) for rule in self.allowed)

    def _may_be_in_a_network(self, target: Target) -> bool:
        """Return True if addresses of the name may lie in a network that is allowed."""
        return any(
            not isinstance(rule.host, str) and rule.port == target.port for rule in self.allowed
        )

    def _is_here(self, target: Target) -> bool:
        address = target.address
        if address is None:
            return _below(target.host, LOCAL) or target.host in self.own_names
        return any(one.is_loopback or one.is_unspecified for one in meant_by(address)) or (
            str(address) in self.own_names
        )


def loop() -> Forbidden:
    """Return the refusal of a tunnel that would lead back to this proxy."""
    return Forbidden("forward_loop", "The tunnel would lead back to this proxy.")


def _private() -> Forbidden:
    return Forbidden(
        "forward_private",
        "This forward proxy does not tunnel to local names or private addresses: name the host "
        f"in NO_PROXY, or allow it in {ALLOW}.",
    )


def _is_local_name(name: str) -> bool:
    return "." not in name or any(_below(name, domain) for domain in LOCAL_DOMAINS)


def _below(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


def _within(address: Address, network: Network) -> bool:
    return any(one.version == network.version and one in network for one in meant_by(address))


def rules(texts: Iterable[str]) -> tuple[Rule, ...]:
    """Read the list of allowed targets; raises ValueError."""
    return tuple(Rule.parse(text) for text in texts)
