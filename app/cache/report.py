"""The recorder's report on one exchange."""

from collections.abc import Mapping

import msgspec

from .verdict import Verdict


class CacheReport(msgspec.Struct, frozen=True):
    """The verdict on the forwarded bytes, and the tokens of the prompt by part of the body.

    ``received`` is the verdict on the bytes as the client sent them, where a scrubber may change
    them. If it has another reason, the scrubber is to blame. ``tool`` is the name of the tool at
    the first difference, if that is one: to be shown, never to be stored.
    """

    verdict: Verdict
    fill: Mapping[str, int] = msgspec.field(default_factory=dict)
    received: Verdict | None = None
    tool: str | None = None

    @property
    def scrubber_is_neutral(self) -> bool | None:
        """Whether the verdict is the same on the received bytes; None where nothing is scrubbed."""
        return None if self.received is None else self.received.reason == self.verdict.reason
