"""A dry run for a person: what would be replaced, and where."""

import json
from collections.abc import Collection

import msgspec

from .detect import dense
from .detect.recognize import Recognizer
from .detect.rules import Rules
from .json.document import units
from .json.escapes import encoded, escaped, value
from .json.paths import json_path
from .json.spans import Span
from .json.tokenizer import NotJson
from .placeholders import Scheme
from .redact.ledger import Ledger
from .redact.replace import Replacement, Replacer
from .restore.sinks import has_shell_syntax

PREVIEW = 4  # characters of a value that are shown at most


class Finding(msgspec.Struct, frozen=True):
    """One hit. ``path`` is a JSON path (``$.messages[0].content``), or a text's line."""

    path: str
    detector: str
    tier: str
    preview: str
    placeholder: str
    restored: str  # where the placeholder would be replaced by the value in an answer


def review(body: bytes, rules: Rules, scheme: Scheme) -> list[Finding]:
    """Return what would be replaced in ``body``, JSON or plain text, with ``scheme``."""
    replacer, ledger = Replacer(rules, scheme), Ledger(scheme)
    try:
        parts = units(body)
    except NotJson:
        text = json.dumps(body.decode("utf-8", "surrogateescape")).encode()
        lines = replacer.replacements(text, ledger, "api")
        found = [(f"line {_line(text, one)}", one) for one in lines]
    else:
        found = []
        for unit in parts:
            text = body[unit.start : unit.end]
            found += [
                (json_path(unit.path, one.path), one)
                for one in replacer.replacements(text, ledger, unit.state)
            ]
            ledger.settle()
    return _findings(found, rules, ledger.foreign)


def _findings(
    found: list[tuple[str, Replacement]], rules: Rules, foreign: Collection[str]
) -> list[Finding]:
    tiers = {detector.name: detector.tier for detector in rules.detectors}
    recognizer = Recognizer(rules)
    restored: dict[str, str] = {}
    for _, one in found:
        if one.placeholder not in restored:
            restored[one.placeholder] = _restored(one, recognizer, foreign)
    # A value no longer than the preview's double would be shown by half or more.
    return [
        Finding(
            path,
            one.detector,
            tiers.get(one.detector, "secret"),
            one.value[: min(PREVIEW, len(one.value) // 2)],
            one.placeholder,
            restored[one.placeholder],
        )
        for path, one in found
    ]


def _restored(one: Replacement, recognizer: Recognizer, foreign: Collection[str]) -> str:
    """Return where a value would be restored, as the restore policy has it."""
    if one.detector == dense.NAME:
        return "never: this text is too dense to tell secrets apart"
    if one.placeholder in foreign:
        return "never: the text already contains this placeholder"
    text = encoded(f'"{escaped(one.value)}"')
    inside = Span(1, len(text) - 1)
    limits = []
    if has_shell_syntax(one.value):
        limits.append("not in shell commands")
    if recognizer.found(text, [inside], [inside], complete=True) != [True]:
        limits.append("only in its context")
    return ", ".join(["text and local tools", *limits])


def _line(text: bytes, found: Replacement) -> int:
    return value(text[1 : found.start]).count("\n") + 1
