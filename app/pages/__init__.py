"""The proxy's own pages, on both ports.

- ``health``     liveness and readiness, open to everyone.
- ``authority``  the CA that clients must trust, open to everyone who may see a page.
- ``metrics``    the figures: for Prometheus, as JSON, as a stream of events.
- ``dashboard``  the live page and its files (``static/``).
- ``guard``      who may look at them, and what a browser may do with them.
"""
