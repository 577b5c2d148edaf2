"""Telemetry: watches exchanges from outside and keeps one registry of metrics.

- ``recorder``     `Telemetry`, the observer: each ended exchange goes through the recorders below.
- ``traffic``, ``latency``, ``tokens``, ``scrub``, ``limits``  one recorder each, with its metrics.
- ``live``         gauges read at the moment of a scrape: running exchanges, the transport.
- ``instruments``  metrics with cached children and closed label sets.
- ``sampler``      every 1.5 s: one collection, one frozen `Snapshot`, one ring of points.
- ``snapshot``     pure: what a collection and the ring say, as a JSON document.
- ``alerts``       pure: which figures are out of bounds.
- ``broadcast``    the same event to every watcher, newest wins.
- ``journal``      one log line for an exchange.
- ``rows``         the last exchanges, for people.
"""
