"""The version, with the commit that a release was built from."""

from pathlib import Path

from .. import __version__

SHOWN = 10  # characters of a commit's name
_COMMIT = Path(__file__).parents[1] / "commit.txt"


def version() -> str:
    """Return the version; a checkout has no commit written down, and an odd file counts as none."""
    try:
        commit = _COMMIT.read_text("ascii").strip()
    except (OSError, ValueError):
        commit = ""
    return f"{__version__} ({commit[:SHOWN]})" if commit.isalnum() else __version__
