"""The proxy proper: one request's way to upstream and back.

The map, in the order of the journey:

1. ``pipeline``   the journey itself, by ``parts`` that all share; ``interrupt`` ends it when the
   client leaves or the drain ends.
2. ``admission``  which requests are admitted, and the drain; ``peer`` identifies clients.
3. ``request``    the client's request: its head, and its body as it comes.
4. ``scrubbing``  the secret scrubber's place; ``scan_pool`` are its threads.
5. ``upstream``   the attempts; ``retry`` decides which result is tried again (pure).
6. ``relay``      the response's way back, through ``restoring`` to ``outbound``.
7. ``caching``    the cache recorder's place: it reads the body while the response is awaited.
8. ``record``     makes the record: ``endings`` decides the outcome, ``stopwatch`` has measured.
   It is made in the ``backlog``, a moment later.

``defects`` logs faults of the proxy itself.
"""
