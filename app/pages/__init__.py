"""The proxy's own pages, on both ports.

- ``health``     liveness and readiness, without a token.
- ``authority``  the CA that clients must trust, without a token.
- ``metrics``    the metrics: for Prometheus, as JSON, as a stream of events.
- ``dashboard``  the live page and its files (``static/``).
- ``ledger``     the ledger's views as JSON.
- ``guard``      access control; a ``refusal`` is how a failure is answered.
- ``misdirected``  requests for the API on the wrong port.
- ``exact``      routes that are made fast.
"""
