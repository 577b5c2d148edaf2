"""The secret scrubber: pure, bytes in, the same bytes or bytes with placeholders out.

The way of a request body:

1. ``redact``     decodes it and keeps what was redacted before (``cache``).
2. ``document``   cuts it into units, in the order of prompt caching (``walk`` if it is odd).
3. ``escapes``    gives a unit's text one spelling.
4. ``scan``       finds secrets: ``detectors`` (``addresses``, ``blocks``, ``urls``,
   ``validators``, ``lookalikes``; in the extended set ``credentials`` and ``encoded``; ``edges``
   says where a token begins), as ``rules`` say; ``dense`` says how much is looked at.
5. ``strings``    says which strings of it are scanned.
6. ``replace``    decides what is replaced by what: ``ledger``, ``placeholders``, ``vocabulary``,
   ``words``.
7. ``belt``       checks that what was made parses.

The way of an answer: ``restore``, by ``restore_stream`` or ``restore_json``, with an ``answer``
table. For people: ``review``. Rules are tried on their ``examples`` when they are loaded.
"""

from .placeholders import Placeholders
from .redact import Redaction, Scrubber

__all__ = ["Placeholders", "Redaction", "Scrubber"]
