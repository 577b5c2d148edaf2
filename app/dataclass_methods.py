"""Dataclasses whose methods are compiled when they are first used.

The decorator writes up to six methods of a class as text, and compiles each. For the 170 classes of
a start that took a quarter of its instructions, and most of the methods are never called. Python
3.13 makes them in another way: from there on this does nothing.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

CREATE = "_create_fn"  # no public seam: `tests/test_dataclass_methods.py` tells when it has gone


@contextmanager
def compiled_later() -> Iterator[None]:
    """Let the classes made meanwhile compile their methods later."""
    create = getattr(dataclasses, CREATE, None)
    if create is None:
        yield
        return
    setattr(dataclasses, CREATE, partial(_Later, create))
    try:
        yield
    finally:
        setattr(dataclasses, CREATE, create)


class _Later:
    """Stands for a method in a class until it is looked up there.

    State: the method, once it was ``_made``.
    """

    __slots__ = ("__name__", "_made", "_make")

    def __init__(self, create: Callable[..., Any], name: str, *given: Any, **named: Any) -> None:
        self.__name__ = name
        self._make = partial(create, name, *given, **named)
        self._made: Any = None

    def __get__(self, instance: object, owner: type) -> Any:
        if self._made is None:
            self._made = self._make()
            self._leave(owner)
        return self._made.__get__(instance, owner)

    def __call__(self, instance: object) -> Any:
        """Call it as the decorator's own wrapper of ``__repr__`` does."""
        return self.__get__(instance, type(instance))()

    def _leave(self, owner: type) -> None:
        """Let the method take this place in the class that has it."""
        name = self.__name__
        for one in owner.__mro__:
            if vars(one).get(name) is self:
                self._made.__qualname__ = f"{one.__qualname__}.{name}"
                setattr(one, name, self._made)
