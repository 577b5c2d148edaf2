"""The members of the JSON document at ``/metrics``, of its schema."""

import json
from pathlib import Path

from app import pages
from docs.generate.markdown import code
from docs.generate.markdown import table as rows_of

SCHEMA = Path(pages.__file__).parent / "static/metrics.schema.json"


def table() -> str:
    """Return the table of the document's members, with the names below each."""
    members = json.loads(SCHEMA.read_text("utf-8"))["properties"]
    rows = [
        (code(name), ", ".join(map(code, what.get("properties", ()))), what.get("description", ""))
        for name, what in members.items()
    ]
    return rows_of(("Member", "Members of it", "Meaning"), rows)
