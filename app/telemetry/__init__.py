"""Telemetry: observes exchanges from outside and keeps one registry of metrics.

- ``recorder``        `Telemetry`, the observer: makes an ``entry`` of each ended exchange and
  passes it to the ``recorders``.
- ``entry``           an ended exchange with its model, charges and ids.
- ``recorders``       one for each view of an ended exchange.
- ``collectors``      metrics that are computed when the registry is collected.
- ``sampling``        the registry every 1.5 s: JSON document, rates, alerts, event stream.
- ``connections``     client connections on both ports; ``forward``, tunnels.
- ``instruments``     metrics with cached children and bounded label values; ``words`` are those
  that others may choose.
- ``bounds``          upper bounds of histograms that more than one exporter has.
- ``facts``           what does not change: the proxy's identity, the scrubber's configuration.
- ``reconciliation``  compares the proxy's figures with Claude Code's.
"""
