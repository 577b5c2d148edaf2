"""Accepting connections: Hypercorn's protocols, with its known bugs worked around by name.

``listener``    accepts on one socket and closes what it accepted, in time.
``connection``  one TCP or TLS connection, speaking whichever protocol was agreed.
``h1``, ``h2``  Hypercorn's HTTP/1.1 and HTTP/2, stricter and with back-pressure.
``refusal``     the answer to a head that leaves room for interpretation.
``disconnect_poll``  detects client disconnects while nothing is read.
``app_queue``   messages that wait for a request's application.
``stream``      one request and its response.
``assertions``  the private members of libraries that all this rests on.
"""

from . import assertions

assertions.check()  # before the modules that override them are imported

from .listener import Listener as Listener  # noqa: E402
