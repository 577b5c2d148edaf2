"""HTTP/1.1 to origins that speak nothing better: one connection per running stream.

The map, from the outside in:

1. ``client``      what `app.http2.Transport` uses: the origins, and what their stats add up to.
2. ``pool``        who may start a stream; connections that are kept for the next one.
3. ``connection``  a socket, from its first request to its end.
4. ``session``     responses over h11, without I/O.
5. ``call``        one request and its response: bodies, back-pressure, time-outs, closing.

Beside them: ``request`` (heads and framing, pure). Section numbers alone refer to RFC 9112.

A connection is used again only when it is certain that nothing of one user's response can become
the next one's: after a response whose end is known and with not a byte behind it, and after a
request that was sent to its end. A stream that ends early closes its connection: HTTP/1.1 has no
other way to tell upstream to stop. Trailers and interim responses are dropped.
"""

from .client import Http1, Limits

__all__ = ["Http1", "Limits"]
