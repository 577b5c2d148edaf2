"""Telemetry: watches exchanges from outside and keeps one registry of metrics.

Recording, once per exchange:

- ``recorder``     `Telemetry`, the observer: makes an ``entry`` of each ended exchange and hands
  it to the recorders below.
- ``traffic``, ``latency``, ``tokens``, ``scrub``, ``limits``  one recorder each, with its metrics.
- ``rows``         the last exchanges, for people.
- ``journal``      one log line for an exchange.
- ``output``       output tokens while they stream.
- ``run``          totals of this run of the process, for exact figures over a range of time.
- ``live``         gauges read at the moment of a scrape: running exchanges, the transport.
- ``facts``        what does not change: which proxy this is, how its scrubber is set up.
- ``instruments``  metrics with cached children and closed label sets.

Looking, every 1.5 s, once for all who watch:

- ``sampler``      one collection, one frozen `Snapshot`, one point in the ring.
- ``samples``      pure: sums and quantiles of a collection.
- ``ring``         pure: the points of five minutes, and the rates between them.
- ``alerts``       pure: which figures are out of bounds.
- ``snapshot``     pure: all of it as a JSON document.
- ``broadcast``    the same event to every watcher, newest wins.
"""
