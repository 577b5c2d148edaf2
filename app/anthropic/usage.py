"""Token usage of one answer (Messages API, ``usage``), and the attempts that are billed for it."""

from typing import Literal, get_args

import msgspec

# Why the usage of an answer is not known, or not final; `app.anthropic.tap.Reading` explains them.
Missing = Literal["encoding", "truncated", "no_event", "parse", "not_final", "unknown_iteration"]
MISSING: tuple[Missing, ...] = get_args(Missing)


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one answer, by `token_types.BILLED`, which are disjoint.

    ``thinking`` is a part of ``output``. ``server_tools`` maps ``web_search`` and the like to
    their number of requests.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    thinking: int = 0
    server_tools: dict[str, int] = msgspec.field(default_factory=dict)
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None

    @property
    def prompt(self) -> int:
        """Input tokens, cached ones included: price tiers depend on them."""
        return self.input + self.cache_read + self.cache_write

    @property
    def cache_write(self) -> int:
        """Tokens written to the cache, whatever their time to live."""
        return self.cache_write_5m + self.cache_write_1h


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that Anthropic bills, under the model that made it.

    ``model`` is None when the answer names none. ``kind`` is the type of its iteration, a word
    of the API's; ``message`` for the answer itself. ``estimated`` says that the stream ended
    early and that ``usage.output`` is a floor, counted from the text that was seen.
    ``samplings`` are the requests to the model that ``usage`` is the sum of, each with a prompt
    of its own, which price tiers look at; empty when there was one, or nobody can say.
    """

    model: str | None
    usage: Usage
    kind: str = "message"
    estimated: bool = False
    samplings: tuple[Usage, ...] = ()
