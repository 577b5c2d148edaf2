"""Accepting connections: Hypercorn's protocols, with its known bugs worked around by name.

``listener``         accepts on one socket and closes what it accepted, in time.
``connection``       one TCP or TLS connection, speaking whichever protocol was agreed.
``tls``              TLS on it, with little memory for each.
``reader``           its bytes that were not read yet.
``h1``, ``h2``       Hypercorn's HTTP/1.1 and HTTP/2, stricter and with back-pressure.
``server_codec``     h11's connection, with short ways for a request's head and body.
``request_head``     the short way of a request's head over HTTP/1.1.
``framing``          the short way of a response over HTTP/1.1.
``frames``           slices of HTTP/2 frames, and what floods may cost.
``send_buffer``      bytes of one HTTP/2 stream on their way out.
``stream``           one request and its response.
``app_queue``        messages that wait for a request's application.
``disconnect_poll``  detects client disconnects while nothing is read.
``progress``         waits for a client that takes bytes, and gives up on one that does not.
``refusal``          the answer to a head that leaves room for interpretation.
``plain``            the answer to HTTP on the HTTPS port.
``limits``           how much of a port one peer, and all of them, may hold.
``assertions``       the private members of libraries that all this rests on.
"""

from . import assertions

assertions.check()  # before the modules that override them are imported

from .listener import Listener as Listener  # noqa: E402
