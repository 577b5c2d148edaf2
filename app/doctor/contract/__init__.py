"""The contract of a gateway, checked on this machine: both sides see the same bytes.

``clauses``  what is promised, each a function that sends requests and compares. The table.
``party``    one client of the proxy, which also learns what arrived at the simulator.
``place``    the proxy that is looked at: the running one, or one started for the check.
``check``    runs the table over both versions of HTTP; returns findings.

Requests carry their own scripts for the simulator, and are found again there by a header field, so
that all of it works through any proxy whose upstream is the simulator.
"""

from .check import check

__all__ = ["check"]
