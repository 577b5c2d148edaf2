"""The proxy proper: one request's way to upstream and back.

The map, in the order of the journey:

1. ``pipeline``   the journey itself, top to bottom; whoever leaves first ends it.
2. ``admission``  who is let in, and how the last ones get out.
3. ``body``       the request's body: streamed, held only as far as it is needed.
4. ``scrubbing``  the secret scrubber's place.
5. ``target``, ``headers``  what goes on to upstream, byte for byte (pure).
6. ``upstream``   one attempt after the other; ``retry`` decides (pure).
7. ``relay``      the answer's way back.
8. ``trace``      what is known of it all, frozen into an `Exchange` at the end.
"""
