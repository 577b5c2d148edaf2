"""The forward proxy: requests for tunnels, and the blind ones that are open."""

from .instruments import Instruments

INTERCEPTED, TUNNELLED = "intercepted", "tunnelled"
# The reasons of refusals, as `app.forward` gives them.
REFUSALS = (
    "draining",
    "forward_head_timeout",
    "forward_loop",
    "forward_malformed",
    "forward_method",
    "forward_misdirected",
    "forward_port",
    "forward_private",
    "forward_refused",
    "forward_timeout",
    "forward_token",
    "forward_tunnels",
    "forward_unreachable",
)
DIRECTIONS = ("sent", "received")  # by the client


class ForwardMetrics:
    """The metrics of the forward proxy; it reports to them."""

    def __init__(self, instruments: Instruments) -> None:
        self._results = instruments.counters(
            "forward_requests_total",
            "Requests to the forward proxy: intercepted, tunnelled, or the reason of a refusal",
            "result",
            known=[(result,) for result in (INTERCEPTED, TUNNELLED, *REFUSALS)],
        )
        self._open = instruments.gauge("forward_tunnels", "Open blind tunnels")
        self._bytes = instruments.counters(
            "forward_bytes_total",
            "Bytes of blind tunnels, sent or received by the client",
            "direction",
            known=[(direction,) for direction in DIRECTIONS],
        )

    def decided(self, result: str) -> None:
        """Count a request."""
        self._results(result).inc()

    def tunnel_opened(self) -> None:
        """Count a tunnel that is open."""
        self._open.inc()

    def tunnel_closed(self) -> None:
        """Count the end of one."""
        self._open.dec()

    def moved(self, direction: str, size: int) -> None:
        """Count bytes of a blind tunnel."""
        self._bytes(direction).inc(size)
