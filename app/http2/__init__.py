"""The upstream transport: an ``httpx.AsyncBaseTransport`` over python-h2 and asyncio.

The map, from the outside in:

1. ``transport``   what the program uses: picks the protocol and sends.
2. ``slots``       who waits for a stream, carried out; ``pool`` decides it, purely.
3. ``connection``  a socket from preface to end; ``liveness`` is its PING.
4. ``session``     streams over python-h2, without I/O; `app.wire.codec` corrects python-h2.
5. ``stream``      one request and its response: bodies, credit, time-outs, closing; ``turns`` are
                   those of writers.

Beside them: ``fields`` (header lists, pure). `app.http1` and `app.network` are below: HTTP/1.1 for
origins that speak nothing better, and how connections are made. Section numbers alone refer to
RFC 9113.

It differs from httpcore in that every stream that ends early is reset, so that upstream stops
working (and billing); one stream's time-out or error never touches its siblings; GOAWAY lets
streams finish; and there are as many connections as the peer's stream limit calls for.
"""

from ..network.proxies import ProxyEnvironment
from ..network.stats import TransportStats
from .session import Refused
from .transport import Transport

__all__ = ["ProxyEnvironment", "Refused", "Transport", "TransportStats"]
