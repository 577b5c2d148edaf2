"""The cache flight recorder: why the prompt cache missed, and what that cost. Pure.

1. ``members``  reads a body without building it; ``blocks`` hashes its blocks in cache order,
   ``prompt`` all of it, or only what is new since the last body of the conversation.
2. ``chain``    the last requests of a conversation; ``entries`` is what the API has in its cache.
3. ``evidence`` weighs both against the usage of an answer; ``verdict`` has the rules.
4. ``recorder`` is the memory, and the way in; a ``report`` is its result for an exchange.
   ``minimum`` is what models cache at least.
5. ``dollars``  what a miss cost, and what the cache saved; ``fill``, what fills the context.

No content is kept: only keyed hashes, counts and times. Clock and hash function are handed in.
"""
