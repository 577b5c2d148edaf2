"""Dataclasses whose methods are compiled when they are first called.

The decorator writes up to six methods of a class as text, and compiles each. For the 170 classes of
a start that took a quarter of its instructions, and most of the methods are never called. Python
3.13 makes them in another way: from there on this does nothing.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

CREATE = "_create_fn"  # no public seam: `tests/test_dataclass_methods.py` tells when it has gone


@contextmanager
def compiled_later() -> Iterator[None]:
    """Let the classes made meanwhile compile their methods later."""
    create = getattr(dataclasses, CREATE, None)
    if create is None:
        yield
        return
    setattr(dataclasses, CREATE, partial(_stub, create))
    try:
        yield
    finally:
        setattr(dataclasses, CREATE, create)


def _stub(create: Callable[..., Any], name: str, *given: Any, **named: Any) -> Callable[..., Any]:
    """Return what makes a method at its first call, and gives its place in the class to it."""

    @cache
    def made() -> Any:
        return create(name, *given, **named)

    def stub(self: object, *values: Any, **by_name: Any) -> Any:
        method = made()
        method.__qualname__ = stub.__qualname__
        for one in type(self).__mro__:
            if vars(one).get(name) is stub:
                setattr(one, name, method)
        return method(self, *values, **by_name)

    stub.__name__ = name
    return stub
