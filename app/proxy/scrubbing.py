"""The scrubber's place in the journey: what it reads, and what becomes of bodies that it skips."""

import functools

import msgspec
import structlog
from msgspec.structs import replace

from ..anthropic.intake import Intake
from ..errors import BadRequest, Forbidden
from ..scrubber.redact.report import ScrubReport
from ..scrubber.redact.scrubber import Redaction, Scrubber
from ..scrubber.restore.restorer import Restorer, can_restore
from ..scrubber.restore.sinks import ToolPolicy
from ..scrubber.restore.table import Plan
from ..wire.headers import text, with_length, without
from .request.body import Body
from .restoring import Restoring
from .scan_pool import ScanPool
from .upstream.request import UpstreamRequest

log = structlog.get_logger(__name__)

INLINE_LIMIT = 64 * 1024  # bytes of a body that is tried on the event loop…
INLINE_SECONDS = 0.005  # …for so long: nearly all take less than a millisecond


class Scrubbing(msgspec.Struct, frozen=True):
    """Scrubs the bodies of POST requests.

    ``block`` refuses what cannot be scanned, a body under another method included; ``restore``
    puts the values back into answers, as ``tools`` allows.
    """

    scrubber: Scrubber
    limit: int  # bytes of text in a body that are scanned at most
    pool: ScanPool
    block: bool = False
    restore: bool = True
    tools: ToolPolicy = msgspec.field(default_factory=ToolPolicy)

    async def redact(self, request: UpstreamRequest, body: Body) -> Redaction | None:
        """Scan ``body``; None if there is none. The redaction says why it was not scanned."""
        scanned = request.method == "POST"
        whole = await body.hold(self.limit if scanned else 0)  # 0: is there a body?
        if whole is None and scanned and _may_hold_images(request):
            whole = await body.hold(self.scrubber.whole_limit)
        if whole == b"":
            return None
        if whole is None:
            return Redaction(b"", ScrubReport(skipped="too_large" if scanned else "not_post"))
        return await self._redact(whole, request)

    def check(self, redaction: Redaction) -> None:
        """Refuse what must not go on.

        Raises `Forbidden` for a body that cannot be scanned under ``SCRUB_ON_SKIP=block``,
        `BadRequest` for a message thread.
        """
        skipped = redaction.report.skipped
        if skipped is None:
            return
        if skipped == "thread":
            raise BadRequest(
                "scrub_thread",
                "The secret scrubber cannot scan a request that continues a message thread (body "
                "member `thread`): send the whole conversation, without `thread`.",
            )
        _warn(redaction.report)
        if self.block:
            raise Forbidden(
                "scrub_skipped",
                f"The secret scrubber cannot scan this request ({skipped}), and "
                "ANTHROPIC_PROXY_SCRUB_ON_SKIP=block forbids sending it unscanned.",
            )

    def plan(self, redaction: Redaction) -> Plan | None:
        """Return how the answer is restored, if it is to be."""
        if not self.restore or not redaction.report.modified:
            return None
        return Plan(redaction.placeholders, self.scrubber.recognizer, redaction.foreign, self.tools)

    def restoring(self, plan: Plan, intake: Intake) -> Restoring | None:
        """Return what restores one answer; None if nothing can be restored in it."""
        if not can_restore(plan, intake):
            return None
        return Restoring(Restorer(plan, intake), intake, self.pool)

    @staticmethod
    def redacted(request: UpstreamRequest, redaction: Redaction) -> UpstreamRequest:
        """Return the request with headers that are true of the redacted body."""
        headers = with_length(request.headers, len(redaction.body))
        if redaction.decoded:
            headers = without(headers, {b"content-encoding"})
        return replace(request, headers=headers)

    async def _redact(self, whole: bytes, request: UpstreamRequest) -> Redaction:
        """Scan a small body here, if it takes no time; else in the pool."""
        encoding = text(request.headers, b"content-encoding")
        redact = functools.partial(self.scrubber.redact, whole, encoding, request.method)
        if len(whole) <= INLINE_LIMIT and encoding is None:
            redaction = redact(within=INLINE_SECONDS)
            if redaction.report.skipped != "too_slow":
                return redaction
        return await self.pool.run(len(whole), redact)


def _may_hold_images(request: UpstreamRequest) -> bool:
    """Return True for a body in JSON: a larger one of another type is not scanned anyway."""
    return "json" in (text(request.headers, b"content-type") or "json").lower()


# What an operator can do about a body that was not scanned.
_REMEDIES = {
    "too_large": "raise ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE",
    "too_slow": "raise ANTHROPIC_PROXY_SCRUB_TIME_LIMIT",
    "error": "report a bug; ANTHROPIC_PROXY_SCRUB_ON_SKIP=block stops such bodies",
}


def _warn(report: ScrubReport) -> None:
    """Log a skip, never a value: without a filter nobody would notice that secrets went out."""
    more = {"error": report.error} if report.error else {}
    remedy = _REMEDIES.get(
        report.skipped or "", "ANTHROPIC_PROXY_SCRUB_ON_SKIP=block stops such bodies"
    )
    log.warning("body not scrubbed", reason=report.skipped, remedy=remedy, **more)
