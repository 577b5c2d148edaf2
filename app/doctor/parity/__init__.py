"""What Claude Code sends through the proxy, compared with what it sends without one.

``observed``    a request as it arrived, without what changes from run to run (pure).
``comparison``  the differences between the ways, as a table (pure).
``ways``        runs the client directly, behind a base URL and through the forward proxy.
"""

from .comparison import Comparison
from .ways import compare

__all__ = ["Comparison", "compare"]
