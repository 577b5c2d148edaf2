"""OpenTelemetry, the extra ``otel``: a span and measurements of each ended exchange, by OTLP.

Spans are made when exchanges have ended, a few at a time, from the values of the record: the path
of a request only keeps the client's trace context. `factories` imports ``environment`` only, unless
the standard variables ask for an export.

- ``environment``  what the standard variables ask for. Pure.
- ``variables``    which of their values are valid. Pure.
- ``span``         an ended exchange as an encoded span: the only attributes there are. Pure.
- ``protobuf``     OTLP bytes: a short way, held equal to the SDK's by a law. Pure.
- ``limits``       the limits of spans that the variables set.
- ``measures``     an ended exchange as measurements, by the GenAI conventions. Pure.
- ``histograms``   sums of measurements. Pure.
- ``exporter``     the thread between the bounded queue and the collector.
- ``session``      the HTTP session of the exporters: where headers go, and what is read.
- ``sdk``          the official SDK: sampler, resource, and the exporters that speak to a collector.
"""
