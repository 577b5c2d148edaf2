"""A simulated Anthropic upstream, for tests, benchmarks and the demo.

The map, in the order of a request's journey:

1. ``simulator``           the server, and what tests see of it.
2. ``connection``          which protocol a connection speaks: ``http2`` or ``http1``.
3. ``wire``                what both offer an answer: frames, resets, cuts.
4. ``script``, ``step``    what is to be done with this request.
5. ``api``                 from the request to its answer, by method and path.
6. ``prompt``, ``message``  what it asks and costs (``usage``); the generated answer, its events.
7. ``answer``, ``coding``, ``limits``  the answer's bytes and headers.
8. ``faults``              the sending, with everything that can go wrong.
9. ``received``, ``history``  what came, and the sums of what was announced.

The demo's load: ``load`` has a few ``developer``s with a ``conversation`` each, and ``weather`` is
how the API is. As a program of its own it is started by ``command``; ``control`` steers it.

It controls frames exactly, so it uses h2 and h11 directly and no server framework.
"""

from .received import Received
from .simulator import Simulator
from .step import Step

__all__ = ["Received", "Simulator", "Step"]
