"""The way of a request body, in this order.

1. ``scrubber``  takes the decoded body (``intake``), within its time (``budget``). What an earlier
   turn said (``turns``) is not read again, nor a unit met in the same state (``cache``). A
   continued message thread (``threads``) is not scrubbed.
2. ``survey``    finds out what a unit tells by itself: the hits in its strings, and whether one is
   ``alone``. ``lookahead`` looks through many units at once for known values.
3. ``replace``   goes through the units in cache order, and through the ``batches`` of the strings
   of one that holds more than a hit alone. ``decide`` says what is replaced by what:
   the ``ledger`` has the placeholders given out, ``vocabulary`` finds known values, ``literals``
   the placeholders that stand in the text, ``authors`` says who wrote them, and ``words`` what may
   stay beside a known value (``overlaps``). A replaced stretch takes all known values along that
   it overlaps (``reach``).
4. ``belt``      checks that what was made parses.
5. ``report``    says what was done, never a value; ``receipts`` are a line of it for a file.
"""
