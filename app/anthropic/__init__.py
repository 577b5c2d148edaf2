"""Pure knowledge of the Anthropic API: bytes in, values out.

- ``endpoints``    a request's target → its route
- ``request``      a request's body → the model it asks for
- ``tap``          an answer's bytes, as they pass → `Reading`; it is made of
  ``encoding`` (gzip, br, zstd, deflate), ``sse`` (records of an event stream), ``answer`` (event
  streams and JSON bodies) and ``accumulator`` (the rules of ``usage``)
- ``limits``       an answer's headers → rate limits and subscription windows
- ``token_types``  the types of tokens, in one place
- ``prices``       usage and model → USD at list price
- ``errors``       the shape of error answers
"""
