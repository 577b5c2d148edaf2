"""The types of tokens, in one place: counting, pricing, metrics, pages and dashboards read them.

===================  ===========================================  =========================
type                 where a ``usage`` object states it           what it is
===================  ===========================================  =========================
``input``            ``input_tokens``                             prompt, not cached
``cache_read``       ``cache_read_input_tokens``                  prompt, read from the cache
``cache_write_5m``   ``cache_creation.ephemeral_5m_input_tokens``  prompt, written for 5 minutes
``cache_write_1h``   ``cache_creation.ephemeral_1h_input_tokens``  prompt, written for an hour
``output``           ``output_tokens``                            answer, thinking included
``estimated``        (nowhere)                                    output of a stream that ended
                                                                  early, about 4 characters each
===================  ===========================================  =========================

They are disjoint, so their sum is the total. ``thinking`` is a part of the output;
``cache_write`` is the sum of both writes, which is all that some answers state.
"""

from collections.abc import Mapping

CACHE_WRITES = ("cache_write_5m", "cache_write_1h")
PROMPT = ("input", "cache_read", *CACHE_WRITES)
OUTPUT = "output"
BILLED = (*PROMPT, OUTPUT)  # the fields of a `Usage` that have a price

ESTIMATED = "estimated"
OUTPUTS = (OUTPUT, ESTIMATED)
COUNTED = (*PROMPT, *OUTPUTS)  # the metrics' label values

SERVER_TOOLS = "server_tools"  # searches and the like: a cost without tokens
COSTS = (*COUNTED, SERVER_TOOLS)

THINKING = "thinking"
CACHE_WRITE = "cache_write"
TOTALS = ("input", "cache_read", CACHE_WRITE, OUTPUT)  # with both cache writes as one

PATHS: Mapping[str, tuple[str, ...]] = {
    "input": ("input_tokens",),
    "cache_read": ("cache_read_input_tokens",),
    CACHE_WRITE: ("cache_creation_input_tokens",),
    "cache_write_5m": ("cache_creation", "ephemeral_5m_input_tokens"),
    "cache_write_1h": ("cache_creation", "ephemeral_1h_input_tokens"),
    OUTPUT: ("output_tokens",),
    THINKING: ("output_tokens_details", "thinking_tokens"),
}
