"""Python before 3.11.5 misses matches of a possessive repeat around what can backtrack.

Debian 12 has 3.11.2 (cpython issue 106052). An atomic group around a plain repeat is right in all.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from app import scrubber
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.detect.extended import EXTENDED

BACKTRACKING = {_constants.BRANCH, _constants.MAX_REPEAT, _constants.MIN_REPEAT}


def _patterns() -> Iterator[tuple[str, "re.Pattern[bytes]"]]:
    for module in pkgutil.walk_packages(scrubber.__path__, "app.scrubber."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.name}.{name}", value
    for detector in (*BUILT_IN, *EXTENDED):
        if isinstance(detector.pattern, re.Pattern):
            yield detector.name, detector.pattern


def _operations(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Return every operation of a parsed pattern, with its argument."""
    if isinstance(tree, _parser.SubPattern):
        for operation, argument in tree:
            yield operation, argument
            yield from _operations(argument)
    elif isinstance(tree, list | tuple):
        for part in tree:
            yield from _operations(part)


def _unsafe(pattern: "re.Pattern[bytes]") -> bool:
    """Whether a possessive repeat holds what can backtrack."""
    text: Any = pattern.pattern
    return any(
        operation is _constants.POSSESSIVE_REPEAT
        and BACKTRACKING & {inner for inner, _ in _operations(argument)}
        for operation, argument in _operations(_parser.parse(text, pattern.flags))
    )


@pytest.mark.parametrize("text", [rb"(?:a|bc)*+", rb"(?:a[0-9]{1,3})?+", rb"x(?:(?:a?b)++)"])
def test_an_unsafe_pattern_is_recognised(text: bytes) -> None:
    assert _unsafe(re.compile(text))


def test_no_pattern_repeats_possessively_what_can_backtrack() -> None:
    patterns = dict(_patterns())
    assert len(patterns) > len(BUILT_IN)
    assert [name for name, pattern in patterns.items() if _unsafe(pattern)] == []
