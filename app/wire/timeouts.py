"""How long upstream may take for what; as httpx's ``timeout`` request extension has it."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Timeouts(NamedTuple):
    """Seconds; None waits forever. There is no total.

    ``connect`` bounds DNS, TCP, TLS and CONNECT together; ``pool`` the wait for a slot; ``write``
    an upload that makes no progress; ``read`` a silence of the response.
    """

    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None

    @classmethod
    def of(cls, extensions: Mapping[str, Any]) -> "Timeouts":
        """Read a request's extensions; those that they do not name have no time-out."""
        return cls(**extensions.get("timeout", {}))

    def extension(self) -> dict[str, float | None]:
        """Return what `of` reads under ``timeout``."""
        return self._asdict()
