"""Trying a detector on its own examples, in every form text takes on its way to a model."""

import json
import re
from collections.abc import Callable
from functools import cache
from urllib.parse import quote

from ..json.escapes import value, view
from ..json.spans import Span
from .detector import Detector
from .scan import Scanner

# Of each form the text that holds an example, before it is put into JSON.
FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "JSON-escaped": lambda text: json.dumps({"line": f"\n{text}"}),
    "gutter": lambda text: "".join(
        f"{number:6}→{line}\n" for number, line in enumerate(text.split("\n"), 1)
    ),
    "ANSI": lambda text: f"\x1b[1;32m{text}\x1b[0m",
    "true colour": lambda text: f"\x1b[38;2;166;226;46m{text}\x1b[0m",
    "quoted-printable": lambda text: f"a=3D{text}",
    "%XX": lambda text: "a%3D" + re.sub(r"\s", lambda space: quote(space[0]), text) + "%26b",
}
# A rule of the user's own may hold a space, which a URL's encoding would hide from it.
OWN_FORMS = FORMS | {"%XX": lambda text: f"a%3D{text}%26b"}


@cache  # a detector never changes
def check(detector: Detector) -> None:
    """Raise ValueError when an example is missed, or a negative found, in any form."""
    scanner = Scanner([detector])
    forms = FORMS if detector.shared else OWN_FORMS
    for form, write in forms.items():
        for example in detector.examples:
            if not found(scanner, write(example)):
                raise ValueError(f"rule {detector.name!r}: an example is missed in {form} form")
        for negative in detector.negatives:
            if found(scanner, write(negative)):
                raise ValueError(f"rule {detector.name!r}: a negative is found in {form} form")


def found(scanner: Scanner, text: str) -> list[str]:
    """Return the values that ``scanner`` finds in ``text`` as a JSON string."""
    escaped = view(json.dumps(text).encode()).text
    return [
        value(hit.escaped)
        for hit in scanner.hits(escaped, scanner.candidates(escaped), Span(1, len(escaped) - 1))
    ]
