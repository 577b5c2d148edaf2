"""A request as it arrived at the API, without what changes from run to run. Pure."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from ...wire.headers import CONNECTION_FIELDS

# They belong to one connection and its other end, so they differ on every way.
HOP_BY_HOP = frozenset({"host", *map(bytes.decode, CONNECTION_FIELDS)})
BETAS = "anthropic-beta"
DURATIONS = "x-claude-code-prev-tool-durations"  # such as Bash=480, in ms

_VOLATILE = (
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32,}\b"), "<hash>"),
    (re.compile(r"\bcch=[0-9a-f]+"), "cch=<hash>"),  # of the body, in its first block
    (re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?"), "<time>"),
)


class Received(Protocol):
    """A request as the simulator received it."""

    @property
    def method(self) -> str:
        """The method."""

    @property
    def target(self) -> bytes:
        """Path and query."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The fields, in order."""

    @property
    def body(self) -> bytes:
        """The body."""


class Observed(msgspec.Struct, frozen=True):
    """A request: its ``items`` are values by what they belong to, such as ``header accept``."""

    name: str  # method and target
    items: dict[str, str]

    @classmethod
    def of(cls, received: Received) -> "Observed":
        """Read a request."""
        fields = [
            (name.decode("latin-1").lower(), settled(value.decode("latin-1")))
            for name, value in received.headers
        ]
        kept = [field for field in fields if field[0] not in HOP_BY_HOP]
        items = {"order of headers": " ".join(name for name, _ in kept)}
        for name, value in kept:
            items |= _of_field(name, value, len(received.body))
        return cls(
            f"{received.method} {received.target.decode('latin-1')}",
            items | _of_body(received.body),
        )


def settled(text: str) -> str:
    """Return a text without identifiers and times."""
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    return text


def observed(received: Iterable[Received]) -> list[Observed]:
    """Read requests; those with the same method and target are numbered."""
    found: list[Observed] = []
    for one in map(Observed.of, received):
        same = sum(before.name.partition(" #")[0] == one.name for before in found)
        found.append(Observed(f"{one.name} #{same + 1}", one.items))
    return sorted(found, key=lambda one: one.name)


def _of_field(name: str, value: str, size: int) -> dict[str, str]:
    if name == BETAS:
        return {f"beta {beta.strip()}": "sent" for beta in value.split(",")}
    if name == DURATIONS:
        value = re.sub(r"=[0-9]+", "=<ms>", value)
    if name == "content-length" and value == str(size):
        value = "<size of the body>"
    return {f"header {name}": value}


def _of_body(body: bytes) -> dict[str, str]:
    if not body:
        return {}
    try:
        members = json.loads(body)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        return {"body": settled(body.decode("latin-1"))}
    order = {"order of members": " ".join(members)}
    return order | {f"member {name}": settled(json.dumps(members[name])) for name in members}


def versions(requests: Sequence[Received]) -> str:
    """Return what the client calls itself, from its first request to the Messages API."""
    for one in requests:
        if one.target.startswith(b"/v1/messages"):
            agent = next((v for k, v in one.headers if k.lower() == b"user-agent"), b"")
            return agent.decode("latin-1").partition(" ")[0]
    return "an unknown client"
