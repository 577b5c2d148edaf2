"""The Grafana dashboards, as code: ``python -m grafana`` writes ``dashboards/*.json``.

``queries``, ``panels`` and ``dashboard`` know PromQL and Grafana's JSON, ``rows`` says what is
shown, ``__main__`` puts rows together. The JSON files are what Grafana is given; a test keeps
them in step with this source.
"""
