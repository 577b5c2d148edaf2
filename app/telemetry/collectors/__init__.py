"""Metrics that are computed when the registry is collected.

- ``scrape_gauges``  running exchanges, the upstream transport, held bodies.
- ``live_output``    output tokens while they stream.
- ``run_totals``     totals of this run of the process, for exact figures over a time range.
"""
