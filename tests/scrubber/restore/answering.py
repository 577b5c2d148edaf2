"""An answer restored as the relay does it: its bytes in, the client's bytes out."""

from app.anthropic.intake import Intake
from app.scrubber.restore.restorer import Restorer, can_restore
from app.scrubber.restore.table import Plan


class Answering(Restorer):
    """A restorer with an intake of its own."""

    def __init__(self, plan: Plan, content_type: str | None, coding: str | None) -> None:
        intake = Intake(content_type, coding, limit=2**22)
        super().__init__(plan, intake)
        self.intake = intake
        self.can = can_restore(plan, intake)

    def pass_on(self, chunk: bytes) -> bytes:
        """Return what goes to the client of ``chunk``."""
        if not self.can:
            return chunk
        return self.feed([record for part in self.intake.feed(chunk) for record in part])
