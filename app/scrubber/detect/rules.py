r"""The rules in force: built-in detectors by choice, the user's own, and an allow-list.

``ANTHROPIC_PROXY_SCRUB_DETECTORS`` is a comma-separated choice. Plain names are the whole choice
(``github_token,email``); with signs it starts from the sixteen built-in ones (``+gitlab_token``,
``-email``). ``extended`` stands for the whole extended set.

``ANTHROPIC_PROXY_SCRUB_RULES_FILE`` is TOML::

    [[rule]]
    name = "acme_token"
    tier = "secret"                        # or "identifier"
    pattern = 'acme_([a-z0-9]{20})'        # RE2; a group, if any, is what is replaced
    examples = ["acme_0123456789abcdefghij"]
    negatives = ["acme_corporation"]

    [allow]
    values = ["postgres://user:pass@localhost/test"]
    fingerprints = ["sha256:…"]            # hexadecimal SHA-256 of a value not to be written down

A pattern sees the text of JSON strings as it is escaped: a line feed is ``\n``, a quote ``\"``.
"""

import difflib
import hashlib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ...tables import checked
from ..automaton import BadPattern, compiled
from .detector import Detector, Tier
from .detectors import BUILT_IN
from .examples import check
from .extended import EXTENDED

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_PROBES = (b"", b"a", b"A", b"0", b"-", b" ")  # at whose edges a rule must not match nothing
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class Rules(msgspec.Struct, frozen=True):
    """``detectors`` in order of priority; ``values`` and SHA-256 ``fingerprints`` are allowed."""

    detectors: tuple[Detector, ...]
    values: frozenset[str] = frozenset()
    fingerprints: frozenset[str] = frozenset()

    def allows(self, value: str) -> bool:
        """Whether a detected value is known to be harmless."""
        if value in self.values:
            return True
        if not self.fingerprints:
            return False
        return (
            hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest() in self.fingerprints
        )


class _Rule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    pattern: str
    tier: Tier = "secret"
    examples: list[str]
    negatives: list[str] = []


class _Allow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    values: list[str] = []
    fingerprints: list[str] = []


class _File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    rule: list[_Rule] = []
    allow: _Allow = msgspec.field(default_factory=_Allow)


def load(*, detectors: str = "", file: Path | None) -> Rules:
    """Return the rules in force, each tried on its examples.

    Raises ValueError with the name of the rule that is wrong and the reason.
    """
    chosen = _chosen(detectors)
    own = _read(file) if file is not None else _File()
    names = {detector.name for detector in (*BUILT_IN, *EXTENDED)}
    for rule in own.rule:
        if rule.name in names:
            raise ValueError(f"rule {rule.name!r}: the name is taken")
        names.add(rule.name)
    secrets = [one for one in chosen if one.tier == "secret"]
    identifiers = [one for one in chosen if one.tier == "identifier"]
    ordered = (*secrets, *map(_detector, own.rule), *identifiers)
    for detector in ordered:
        check(detector)
    return Rules(
        ordered,
        frozenset(own.allow.values),
        frozenset(_fingerprint(text) for text in own.allow.fingerprints),
    )


def _chosen(choice: str) -> list[Detector]:
    """Return the detectors chosen, in their order of priority."""
    known = {detector.name: detector for detector in (*BUILT_IN, *EXTENDED)}
    sets = {"extended": {detector.name for detector in EXTENDED}}
    words = [word.strip() for word in choice.split(",") if word.strip()]
    relative = not words or words[0][0] in "+-"
    names = {detector.name for detector in BUILT_IN} if relative else set()
    for word in words:
        sign, name = (word[0], word[1:]) if word[0] in "+-" else ("+", word)
        if name not in known and name not in sets:
            raise ValueError(_unknown(name, [*sets, *known]))
        meant = sets.get(name, {name})
        names = names | meant if sign == "+" else names - meant
    return [detector for name, detector in known.items() if name in names]


def _unknown(name: str, known: Sequence[str]) -> str:
    guess = difflib.get_close_matches(name, known, 1)
    meant = f": did you mean {guess[0]}?" if guess else f"; the known ones are {', '.join(known)}"
    return f"detector {name!r}: unknown{meant}"


def _read(file: Path) -> _File:
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ValueError(f"{file}: {exc}") from exc
    rules = content.get("rule")
    for rule in rules if isinstance(rules, list) else ():
        checked(rule, _Rule, _named(rule))
    return checked(content, _File, "rules file")


def _named(rule: object) -> str:
    name = rule.get("name") if isinstance(rule, dict) else None
    return "rule" if name is None else f"rule {name!r}"


def _detector(rule: _Rule) -> Detector:
    if not _NAME.fullmatch(rule.name):
        raise ValueError(f"rule {rule.name!r}: a name is lower-case words joined by _")
    if not rule.examples:
        raise ValueError(f"rule {rule.name!r}: at least one example is needed")
    if not rule.pattern.isascii():
        raise ValueError(
            f"rule {rule.name!r}: the pattern may hold ASCII only, as JSON may write other "
            r"characters as \uXXXX; [^\s]+ finds those, too"
        )
    try:
        pattern = compiled(rule.pattern)
    except BadPattern as exc:
        raise ValueError(f"rule {rule.name!r}: {_words(exc)}") from exc
    if any((match := pattern.search(text)) and match[0] == b"" for text in _PROBES):
        raise ValueError(f"rule {rule.name!r}: the pattern matches an empty string")
    return Detector(
        name=rule.name,
        tier=rule.tier,
        gate=f"({rule.pattern})",
        pattern=pattern,
        group=1 if pattern.groups else 0,
        shared=False,
        examples=tuple(rule.examples),
        negatives=tuple(rule.negatives),
    )


def _words(exc: Exception) -> str:
    reason = exc.args[0] if exc.args else exc
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _fingerprint(text: str) -> str:
    digest = _DIGEST.fullmatch(text)
    if digest is None:
        raise ValueError(
            f"allow.fingerprints: {text!r} is not sha256: followed by 64 hexadecimal digits"
        )
    return digest[1]
