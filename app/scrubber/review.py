"""A dry run for a person: what would be replaced, and where."""

from dataclasses import dataclass

from app.scrubber.rules import Rules


@dataclass(frozen=True, slots=True)
class Finding:
    """One hit. ``preview`` is the first four characters of the value at the most."""

    path: str
    detector: str
    tier: str
    preview: str
    placeholder: str


def review(body: bytes, rules: Rules) -> list[Finding]:
    """Return what would be replaced in ``body``, JSON or plain text."""
    del body, rules
    return []
