"""One recorder for each view of an ended exchange.

- ``traffic``     requests, outcomes, errors, retries, bytes.
- ``latency``     durations.
- ``tokens``      tokens, cost, stop reasons.
- ``scrub``       what the scrubber found.
- ``attribution`` cost by class of request, type of agent and label.
- ``cache``       the prompt cache's verdicts; ``tool_names``, for the session's page.
- ``limits``      upstream's rate limits.
- ``usage``       the usage windows of subscriptions.
- ``budgets``     what is added to the budgets.
- ``recent``      the last exchanges, for the dashboard.
- ``access_log``  one log line for an exchange.
- ``receipts``    leak receipts, appended to a file.
- ``ledger``      rows of the ledger.
- ``spans``       spans, for the exporter.
"""
