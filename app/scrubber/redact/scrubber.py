"""The scrubber: a body in, the same body or one with placeholders out."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from ..detect.dense import Tick
from ..detect.recognize import Recognizer
from ..detect.rules import Rules
from ..json.document import Unit
from ..json.paths import json_path_without
from ..json.spans import cut, spliced
from ..json.tokenizer import NotJson
from ..json.visitor import Path, State
from ..placeholders import Placeholders, Scheme, Style
from .belt import check
from .budget import SECONDS_PER_BYTE, Budget, TooSlow
from .cache import Cache, Key, Outcome
from .intake import WHOLE_LIMIT, Limits, Skipped, plain_body
from .ledger import Ledger
from .lookahead import Lookahead
from .receipts import SHOWN_PATHS, Hit
from .replace import Replacer
from .report import ScrubReport
from .survey import Survey
from .threads import is_threaded
from .turns import Course, Turns

CACHE_LIMIT = 64 * 2**20  # bytes remembered: half of them whole bodies, half of them units


class Redaction(msgspec.Struct, frozen=True):
    """``body`` is the very object given in when nothing changed.

    ``foreign`` placeholders stood in the body already. ``decoded``: it was compressed and no
    longer is.
    """

    body: bytes
    report: ScrubReport
    placeholders: Placeholders = msgspec.field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    decoded: bool = False


class Scrubber:
    """Finds the secrets of request bodies, and replaces them in the mode ``pseudonymize``.

    ``key`` is the HMAC key for identifiers; bodies with over ``limit`` bytes of text, decoded,
    are not scanned, nor those over ``whole_limit`` with their images and documents.
    A scan takes ``seconds`` by ``cpu``, the clock of its thread's processor time, and a share by
    the body's size at the most.
    With ``receipts`` the report says where what was found. `redact` may run on several threads:
    the only state are exact caches of ``cache`` bytes.
    """

    def __init__(
        self,
        *,
        mode: Literal["detect", "pseudonymize"],
        key: bytes,
        rules: Rules,
        style: Style = "angle",
        clock: Callable[[], float],
        limit: int,
        cache: int = CACHE_LIMIT,
        receipts: bool = False,
        seconds: float = math.inf,
        cpu: Callable[[], float] = lambda: 0.0,
    ) -> None:
        if mode == "pseudonymize" and not key:
            raise ValueError("pseudonymizing needs an HMAC key")
        self._receipts = receipts
        self._replacing = mode == "pseudonymize"
        self._clock = clock
        self._limit = limit
        self.whole_limit = max(limit, WHOLE_LIMIT)
        self._seconds = seconds
        self._cpu = cpu
        self._scheme = Scheme(style, key)
        self._replacer = Replacer(rules, self._scheme)
        self.recognizer = Recognizer(rules)
        self._cache = Cache(cache // 2)
        self._turns = Turns(cache // 2)

    def redact(
        self, body: bytes, content_encoding: str | None, method: str, within: float | None = None
    ) -> Redaction:
        """Return the redaction of ``body``; never raises: why it was not scanned is reported.

        ``within`` so many seconds, instead of the body's whole time.
        """
        start = self._clock()
        try:
            limits = Limits(self._limit, self.whole_limit)
            plain = plain_body(body, content_encoding, method, limits)
            seconds = self._seconds + len(plain) * SECONDS_PER_BYTE if within is None else within
            tick = Budget(self._cpu, seconds).tick
            redacted, matches, hits, ledger = self._redacted(plain, tick)
        except Skipped as skipped:
            return Redaction(body, ScrubReport(skipped=skipped.reason))
        except TooSlow:
            return Redaction(body, ScrubReport(skipped="too_slow"))
        except NotJson:
            return Redaction(body, ScrubReport(skipped="not_json"))
        except Exception as exc:  # noqa: BLE001 - a defect here must not stop the relay: policy decides
            return Redaction(body, ScrubReport(skipped="error", error=type(exc).__name__))
        modified = self._replacing and redacted is not plain
        report = ScrubReport(
            matches=matches,
            scanned=len(plain),
            duration=self._clock() - start,
            modified=modified,
            hits=hits,
        )
        if not modified:
            return Redaction(body, report)
        return Redaction(
            redacted,
            report,
            ledger.placeholders,
            frozenset(ledger.placeholders if ledger.crowded else ledger.foreign),
            decoded=plain is not body,
        )

    def _redacted(
        self, body: bytes, tick: Tick
    ) -> tuple[bytes, Counter[str], tuple[Hit, ...], Ledger]:
        ledger = Ledger(self._scheme)
        matches: Counter[str] = Counter()
        pieces: list[tuple[int, int, bytes]] = []
        found: dict[str, list[tuple[Unit, Path]]] = {}
        for unit, outcome in self._outcomes(body, ledger, tick):
            for name, count in outcome.matches.items():
                matches[name] += count
            for shown, path in outcome.found:
                found.setdefault(shown, []).append((unit, path))
            if outcome.text is not None:
                pieces.append((unit.start, unit.end, outcome.text))
        return spliced(body, sorted(pieces)), matches, self._hits(found, ledger), ledger

    def _outcomes(self, body: bytes, ledger: Ledger, tick: Tick) -> Iterator[tuple[Unit, Outcome]]:
        """Yield what was found, in cache order; the messages of an earlier turn are not read."""
        course = Course(body, self._turns)
        if self._replacing and is_threaded(body, course.units):
            raise Skipped("thread")
        quiet, surveys = self._replacer.surveys(body, course.units, tick)
        ahead = Lookahead(body, course.units, quiet, ledger, self._replacer.clearness)
        for unit, known in course.parts(ledger, ahead.rest):
            if known is None:
                tick()
                text, survey = cut(body, unit.start, unit.end), surveys.get(unit.start)
                places = None if survey is None else ahead.places(survey)
                outcome = self._outcome(text, unit.state, ledger, tick, survey, places)
            else:
                outcome = known
                ledger.replay(known.changes, known.digest)
            course.note(unit, outcome)
            yield unit, outcome
        course.keep()

    def _hits(
        self, found: Mapping[str, Sequence[tuple[Unit, Path]]], ledger: Ledger
    ) -> tuple[Hit, ...]:
        """Return what receipts say, never a value."""
        values = [hidden.value for hidden in ledger.placeholders.values()] if found else []
        return tuple(
            Hit(
                ledger.placeholders[shown].detector,
                self._scheme.digest(ledger.placeholders[shown].value),
                shown,
                tuple(
                    json_path_without(unit.path, path, values)
                    for unit, path in places[:SHOWN_PATHS]
                ),
                len(places),
            )
            for shown, places in found.items()
            if shown in ledger.placeholders  # else one of too many values
        )

    def _outcome(
        self,
        text: bytes,
        state: State,
        ledger: Ledger,
        tick: Tick,
        survey: Survey | None,
        places: Sequence[int] | None,
    ) -> Outcome:
        key = Key(ledger.digest, state, text)
        outcome = self._cache.get(key)
        if outcome is not None:
            ledger.replay(outcome.changes, outcome.digest)
            return outcome
        matches: dict[str, int] = {}
        found: list[tuple[str, Path]] = []

        def pieces() -> Iterator[tuple[int, int, bytes]]:
            parts = self._replacer.replacements(text, ledger, state, tick, survey, places)
            for one in parts:
                matches[one.detector] = matches.get(one.detector, 0) + one.times
                if self._receipts:
                    found.append((one.placeholder, one.path))
                yield one.start, one.end, one.written()

        made = spliced(text, pieces())
        if made is not text:
            check(text, made)
        changed = None if made is text else made
        changes = ledger.settle()
        outcome = Outcome(changed, matches, changes, tuple(found), ledger.digest)
        self._cache.put(key, outcome)
        return outcome
