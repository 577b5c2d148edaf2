"""Many small cases in one test: to report each would take longer than to run it."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

SHOWN = 200  # characters of a case
RAISED = pytest.fail.Exception, BaseExceptionGroup  # by a test, and no `Exception`

Test = Callable[..., None]


def every_case(names: str, cases: Collection[Any]) -> Callable[[Test], Test]:
    """Run a test with every case, and report all that fail together.

    In the manner of `pytest.mark.parametrize`: ``names`` of arguments are separated by commas, and
    each case has a value for each of them. The keys of a mapping name its cases. The cases share
    the fixtures of the test, so a fixture must not remember anything.
    """
    assert cases, "no case: the test cannot fail"
    arguments = [name.strip() for name in names.split(",")]
    named = cases if isinstance(cases, Mapping) else {_shown(case): case for case in cases}
    rows = {
        name: dict(zip(arguments, [case] if len(arguments) == 1 else case, strict=True))
        for name, case in named.items()
    }

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def all_cases(**fixtures: Any) -> None:
            failed: list[BaseException] = []
            for name, values in rows.items():
                try:
                    test(**values, **fixtures)
                except (Exception, *RAISED) as exc:  # noqa: BLE001 - raised below
                    exc.add_note(f"case: {name}")
                    failed.append(exc)
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(rows)} cases failed", failed)

        signature = inspect.signature(test)
        left = [one for name, one in signature.parameters.items() if name not in arguments]
        all_cases.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return all_cases

    return decorate


def _shown(case: Any) -> str:
    text = repr(case)
    return (
        text if len(text) <= SHOWN else f"{text[:SHOWN]} and {len(text) - SHOWN} more: {id(case)}"
    )
