"""Pure knowledge of the Anthropic API: bytes in, values out.

- ``endpoints``    a request's target → its route
- ``request``      a request's body → the model it asks for
- ``intake``       an answer's bytes, as they pass → records: decoded (``encoding``), split
  (``sse``) and parsed (``records``) once, for the tap and for restoring
- ``tap``          an answer's records → `Reading`; it is made of ``answer`` (event streams and JSON
  bodies) and ``accumulator`` (the rules of ``usage``)
- ``limits``       an answer's headers → rate limits and subscription windows
- ``token_types``  the types of tokens, in one place
- ``prices``       usage and model → USD at list price
- ``errors``       the shape of error answers
"""
