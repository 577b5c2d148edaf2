"""Makes the parts of the application from the settings; `app.application` puts them together.

The map: ``transport`` reaches upstream, ``telemetry`` records what happens, ``exporting`` exports
it by OpenTelemetry, ``scrubbing`` finds secrets. ``scrubbing`` is imported only where the scrubber
runs.
"""
