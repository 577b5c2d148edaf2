"""The message about a file that a command cannot read."""

from pathlib import Path


def unreadable(file: str | Path, exc: OSError | ValueError) -> str:
    """Return which file it is and why, in the words of the system; a NUL in it is a ValueError."""
    reason = exc.strerror if isinstance(exc, OSError) else None
    return f"{file} cannot be read: {reason or exc}"
