"""The client's request, as the server hands it over."""

from collections.abc import Callable, MutableMapping
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from ...wire.handover import Rest, Take
from ...wire.headers import Headers, Sound
from ..peer import peer_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Poll = Callable[[], Message | None]


class ClientRequest(msgspec.Struct, frozen=True):
    """A request, except for its body.

    ``peer`` is who sent it; ``before_drain`` says that it could not know of the drain,
    ``on_disconnect`` takes a callback for the client's leaving, and ``write`` a piece of the
    response's body; ``proceed`` asks a client that waits for a 100 for its body; ``poll`` returns
    the next message if it has come. These five are our listener's (`app.listener.stream`).
    State: ``_fields``, made when they are first asked for.
    """

    method: str
    target: bytes
    headers: Headers
    peer: str
    before_drain: bool = False
    on_disconnect: Callable[[Callable[[], object]], object] | None = None
    write: Take | None = None
    proceed: Rest | None = None
    poll: Poll | None = None
    _fields: dict[bytes, bytes] | None = None

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The header fields by name, the last one of each."""
        fields = self._fields
        if fields is None:
            fields = dict(self.headers)
            force_setattr(self, "_fields", fields)
        return fields

    @classmethod
    def of(cls, scope: Scope) -> "ClientRequest":
        """Read an ASGI scope."""
        extensions = scope.get("extensions", {})
        disconnect, headers = extensions.get("disconnect"), scope["headers"]
        return cls(
            scope["method"],
            extensions.get("target") or _target(scope),
            headers if type(headers) is Sound else list(headers),
            peer_of(scope.get("client")),
            extensions.get("before_drain", False),
            None if disconnect is None else disconnect.on_disconnect,
            extensions.get("write"),
            extensions.get("proceed"),
            extensions.get("poll"),
        )


def _target(scope: Scope) -> bytes:
    query = scope["query_string"]
    return bytes(scope["raw_path"] + b"?" + query if query else scope["raw_path"])
