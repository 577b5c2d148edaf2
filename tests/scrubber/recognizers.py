"""A recogniser for tests of everything else than recognising."""

from typing import Any

from app.scrubber.detect import rules
from app.scrubber.detect.recognize import Recognizer


class Everything(Recognizer):
    """Finds every value again, whatever it is."""

    def found(self, _: Any, __: Any, values: Any, *, complete: bool) -> list[bool]:  # noqa: ARG002
        return [True for _ in values]


EVERYTHING = Everything(rules.load(file=None))
