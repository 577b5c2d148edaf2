"""The recorder's report on one exchange."""

from collections.abc import Mapping

import msgspec

from .fill import scaled
from .verdict import Verdict


class CacheReport(msgspec.Struct, frozen=True):
    """The verdict on the forwarded bytes, with the bytes of the prompt by part, and its tokens.

    ``received`` is the verdict on the bytes as the client sent them, where a scrubber may change
    them. If it has another reason, the scrubber is to blame. ``tool`` is the name of the tool at
    the first difference, if that is one: to be shown, never to be stored.
    """

    verdict: Verdict
    sizes: Mapping[str, int] = msgspec.field(default_factory=dict)
    tokens: int = 0
    received: Verdict | None = None
    tool: str | None = None

    @property
    def fill(self) -> dict[str, int]:
        """The tokens of the prompt by part of the body."""
        return scaled(self.sizes, self.tokens)

    @property
    def scrubber_is_neutral(self) -> bool | None:
        """Whether the verdict is the same on the received bytes; None where nothing is scrubbed."""
        return None if self.received is None else self.received.reason == self.verdict.reason
