"""The proxy proper: one request's way to upstream and back.

The map, in the order of the journey:

1. ``pipeline``   the journey itself, of a ``client_request``, by ``parts`` that all share;
   ``interrupt`` ends it when the client leaves or the drain ends.
2. ``admission``  who is let in, and how the last ones get out; ``peer`` says who is who.
3. ``body``       streamed, and held only as far as needed, within the ``hold_budget``;
   ``requested_model`` is read from it.
4. ``scrubbing``  the secret scrubber's place; ``scan_pool`` are its threads.
5. ``upstream``   one attempt after the other, counted in ``attempts``: an ``upstream_request``
   goes, an ``upstream_response`` comes; ``retry`` decides (pure), ``failures`` explains errors.
6. ``relay``      the response's way back, through ``restoring`` to ``outbound``.
7. ``record``     makes the record: ``endings`` decides the outcome, ``stopwatch`` has measured.
"""
