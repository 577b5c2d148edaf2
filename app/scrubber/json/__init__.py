"""JSON text as it stands in a body: nothing is built, every byte keeps its place.

- ``tokenizer``  text as events (RFC 8259).
- ``visitor``    the one way through it: events with the place where they stand, in named states.
- ``strings``    which of its strings are scanned.
- ``shapes``     the same, for a value of a shape that was met before.
- ``document``   a request body in units, in the order of prompt caching.
- ``repeated``   what a body repeats of an earlier one, which need not be read.
- ``escapes``    one spelling for the scan, and values out of escaped text.
- ``opaque``     how much of a body is text.
- ``paths``      a string's place, as people read it.
- ``spans``      stretches of bytes, and how they are replaced.
"""
