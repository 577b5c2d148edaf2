"""Budgets: how much may be spent, how much is, who is told, and what is refused.

- ``rules``      pure: the setting ``BUDGETS``.
- ``periods``    the local day, from which budgets of a day count.
- ``meter``      pure: what is spent in each period, and which thresholds that reaches.
- ``words``      pure: the sentences about a budget.
- ``sums``       what the ledger says was spent.
- ``announced``  the file of what was announced, so that nothing is announced twice.
- ``webhook``    sends announcements, with retries.
- ``watch``      the task that reads the ledger and announces.
- ``guard``      refuses requests over a budget.
- ``budgets``    all of these, put together.
"""
