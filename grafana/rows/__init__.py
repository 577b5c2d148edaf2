"""The rows of the dashboards, with the query of each panel, a module per subject.

``summary``   the most important figures, at the top.
``traffic``   requests by route, status and outcome, errors, bytes.
``latency``   durations, time to the first token, overhead.
``tokens``    tokens and their cost.
``cache``     the prompt cache: verdicts, and what misses cost.
``budgets``   who spends, budgets, and how much of them is used.
``limits``    rate limits of upstream, and how far they are used.
``scrubber``  what was found, restored or skipped.
``process``   connections, retries, memory and CPU of the proxy.
"""
