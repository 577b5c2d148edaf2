"""The secret scrubber: pure, bytes in, the same bytes or bytes with placeholders out."""

from app.scrubber.placeholders import Placeholders
from app.scrubber.redact import Redaction, Scrubber

__all__ = ["Placeholders", "Redaction", "Scrubber"]
