"""Metrics that are computed when the registry is collected.

- ``scrape_gauges``  running exchanges, the upstream transport, held bodies.
- ``live_output``    output tokens while they stream.
- ``budgets``        where each budget stands.
- ``usage``          when the usage windows will be full, and who used them.
- ``run_totals``     totals of this run of the process, for exact figures over a time range.
"""
