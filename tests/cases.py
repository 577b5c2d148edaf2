"""Many small cases in one test: to report each would take longer than to run it."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import pytest

SHOWN = 200  # characters of a case
RAISED = pytest.fail.Exception, BaseExceptionGroup  # by a test, and no `Exception`

Test = Callable[..., Any]


class _Failures:
    """The failures of ``count`` cases, raised together at the end. State: ``failed``."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.failed: list[BaseException] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.failed and raised[0] is None:
            raise BaseExceptionGroup(
                f"{len(self.failed)} of {self._count} cases failed", self.failed
            )

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Keep the failure of a case."""
        try:
            yield
        except (Exception, *RAISED) as exc:  # noqa: BLE001 - raised at the end
            exc.add_note(f"case: {name}")
            self.failed.append(exc)


def every_case(names: str, cases: Collection[Any]) -> Callable[[Test], Test]:
    """Run a test with every case, and report all that fail together.

    In the manner of `pytest.mark.parametrize`: ``names`` of arguments are separated by commas, and
    each case has a value for each of them. The keys of a mapping name its cases. The cases share
    the fixtures of the test: a case looks only at what it has added to what a fixture remembers.
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
            with _Failures(len(rows)) as failures:
                for name, values in rows.items():
                    with failures.of(name):
                        test(**values, **fixtures)

        @functools.wraps(test)
        async def all_in_turn(**fixtures: Any) -> None:
            with _Failures(len(rows)) as failures:
                for name, values in rows.items():
                    with failures.of(name):
                        await test(**values, **fixtures)

        all_of: Any = all_in_turn if inspect.iscoroutinefunction(test) else all_cases
        signature = inspect.signature(test)
        left = [one for name, one in signature.parameters.items() if name not in arguments]
        all_of.__signature__ = signature.replace(parameters=left)
        return all_of  # type: ignore[no-any-return]

    return decorate


def _shown(case: Any) -> str:
    text = repr(case)
    return (
        text if len(text) <= SHOWN else f"{text[:SHOWN]} and {len(text) - SHOWN} more: {id(case)}"
    )
