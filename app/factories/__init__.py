"""Makes the parts of the application from the settings; `app.application` puts them together.

The map: ``transport`` reaches upstream, ``telemetry`` records what happens, ``exporting`` exports
it by OpenTelemetry, ``thresholds`` are those of the dashboard's alerts, ``caching`` judges the
prompt cache, ``budgets`` bound what is spent, and ``pages`` show it all. ``scrubbing`` finds
secrets; it is imported only where the scrubber runs.
"""
