"""The tokens that a simulated answer announces."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer, by the API's disjoint types; ``thinking`` is a subset of ``output``.

    ``server_tools`` maps ``web_search`` and the like to their number of requests.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    thinking: int = 0
    server_tools: dict[str, int] = field(default_factory=dict)
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None

    @property
    def prompt(self) -> int:
        """Total input: fresh, written to and read from the cache."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h
