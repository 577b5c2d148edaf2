"""The way of an answer: placeholders become values again, whatever way it comes.

- ``restorer``     one answer, by its type and encoding.
- ``stream``       an event stream, delta by delta; ``json_answer`` JSON that is whole.
- ``table``        the request's values, and what became of each placeholder.
- ``sinks``        where a value may be restored.
- ``window``       what the client has of the string that is being written.
"""
