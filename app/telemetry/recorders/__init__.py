"""One recorder for each view of an ended exchange.

- ``traffic``     requests, outcomes, errors, retries, bytes.
- ``latency``     durations.
- ``tokens``      tokens, cost, stop reasons.
- ``scrub``       what the scrubber found.
- ``limits``      upstream's rate limits.
- ``recent``      the last exchanges, for the dashboard.
- ``access_log``  one log line for an exchange.
- ``receipts``    leak receipts, appended to a file.
- ``ledger``      rows of the ledger.
"""
