"""What keeps the proxy from working here: checks of this machine and of the way to upstream.

``examine`` runs them in order; ``machine`` looks at what is local, ``ledger`` at the database of
the ledger, ``forward`` at the forward proxy, ``parity`` at what Claude Code sends through it,
``network`` at the way to upstream, with ``probe`` on the connection, ``contract`` at the bytes on
both sides of a proxy; ``answer`` judges what upstream says (pure), and ``finding`` is what a check
returns, with its table and its JSON (pure).

Nothing is written, nothing but an unauthenticated GET is sent, and no step takes longer than
`network.STEP`.
"""

from .examine import examine
from .finding import Finding, as_json, exit_code, table

__all__ = ["Finding", "as_json", "examine", "exit_code", "table"]
