"""The Grafana dashboards, as code: ``python -m grafana`` writes ``dashboards/*.json``.

``queries``, ``panels`` and ``dashboard`` know PromQL and Grafana's JSON, ``rows`` declares
the panels, ``__main__`` the dashboards. Grafana reads the JSON files; a test fails when they differ
from this source.
"""
