"""anthropic-proxy: a transparent reverse proxy for the Anthropic API.

The map, in the order of a request's journey:

1. ``server``, ``listener``  Hypercorn on two ports, ``tls``, signals, drain; ``forward``, a port
                             for CONNECT.
2. ``application``           the composition root, with parts from ``factories``: own pages here,
                             everything else to the proxy.
3. ``proxy``                 admission, body, scrub, forward, relay: one pipeline.
4. ``http2``, ``http1``      the upstream transport, an ``httpx.AsyncBaseTransport``; ``network``
                             has what both share, ``wire`` the rules of HTTP both ways.
5. ``anthropic``             pure knowledge of the API: events, usage, limits, prices, errors.
6. ``scrubber``              pure: bytes in, the same bytes or bytes with placeholders out.
7. ``cache``                 pure: why the prompt cache missed, and what that cost.
8. ``exchange``              the frozen record of one request, whatever its end.
9. ``telemetry``             turns records into metrics, a log line, a dashboard row, a span
                             (``otel``) and a row of the ``ledger``, which outlasts restarts.
10. ``budgets``, ``usage``   what was spent, and what subscriptions have left.
11. ``pages``                health, metrics, dashboard, behind the page guard.

Beside the journey: ``settings`` (the environment, read once; ``env_file``), ``workers`` (several
processes as one), ``doctor``, ``cli``, ``certificates``, ``logs``, ``errors`` (answers to
requests), ``failures`` (of a start), ``tables`` (of a user's TOML file), ``imports`` with
``stand_ins`` and ``late_classes`` (what a process loads, and what not), ``memory`` (what it keeps),
``caller`` (who started it), and ``asgi``, the application for another server. The package
`simulator` is another party: an Anthropic upstream with faults, for tests and demos.
The floors between them are enforced by import-linter (``pyproject.toml``).
"""

__version__ = "0.1.0"
