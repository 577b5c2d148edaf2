"""The way of a request body, in this order.

1. ``scrubber``  decodes the body and keeps what was redacted before (``cache``), within its time
   (``budget``). A continued message thread (``threads``) is not scrubbed.
2. ``replace``   decides for each unit of the body what is replaced by what: ``ledger`` has the
   placeholders given out, ``vocabulary`` finds known values, ``literals`` the placeholders that
   stand in the text, ``words`` the model's own words.
3. ``belt``      checks that what was made parses.
4. ``report``    says what was done, never a value; ``receipts`` are a line of it for a file.
"""
