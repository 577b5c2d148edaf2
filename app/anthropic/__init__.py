"""Pure knowledge of the Anthropic API: bytes in, values out.

- ``endpoints``    a request's target → its route
- ``request``      a request's body → the model it asks for; ``hints``, its headers → Claude Code's
- ``intake``       an answer's bytes, as they pass → records: decoded (``encoding``), split
  (``sse``) and parsed (``records``) once, for the tap and for restoring
- ``tap``          an answer's records → `Reading`; it is made of ``answer`` (event streams and JSON
  bodies), ``accumulator`` (the rules of ``usage``, read by ``counts``), ``iterations`` (who is
  billed) and ``spoken`` (an estimate for what ends early)
- ``elements``     a JSON list of a bounded length → its elements
- ``limits``       an answer's headers → rate limits and subscription windows
- ``token_types``  the types of tokens, in one place
- ``prices``       usage and model → USD at list price; ``names`` has the models' spellings,
  ``genai_prices`` reads another list
- ``errors``       the shape of error answers
"""
