"""Classes of libraries that are made when they are first used: most of them never are.

A dataclass compiles its methods when it is declared, and a typed dictionary checks the types of its
keys. A start declares 190 of them and uses 20: the others take an eighth of its CPU time.

Only for `PACKAGES`, whose classes no two threads use for the first time at once: those of a server
are all made by its main thread (`tests/test_late_classes.py`).
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import new_class
from typing import Any

PACKAGES = ("annotated_types", "h11", "h2", "hypercorn", "pydantic", "pydantic_core", "starlette")
OPTIONS = {"eq", "frozen", "kw_only", "order", "repr", "slots", "unsafe_hash"}
ASKED = ("__init__", "__dataclass_fields__", "__dataclass_params__", "__match_args__")

_dataclass: Callable[..., Any] = dataclasses.dataclass
_TypedDict: Any = typing.TypedDict


@contextmanager
def making_later() -> Iterator[None]:
    """Let modules that are imported meanwhile declare late classes."""
    places: list[tuple[Any, str, Any]] = [
        (dataclasses, "dataclass", dataclass),
        (typing, "TypedDict", TypedDict),
        (import_module("typing_extensions"), "TypedDict", TypedDict),  # pydantic takes it from here
    ]
    before = [getattr(module, name) for module, name, _ in places]
    try:
        for module, name, value in places:
            setattr(module, name, value)
        yield
    finally:
        for (module, name, _), value in zip(places, before, strict=True):
            setattr(module, name, value)


def dataclass(declared: type | None = None, /, **options: Any) -> Any:
    """Return the class, which becomes a dataclass when an object, or a subclass, is made of it.

    It has no slots even if the options ask for them: these would take a new class.
    """
    if declared is None:
        return lambda cls: dataclass(cls, **options)
    known = _is_late(declared.__module__) and options.keys() <= OPTIONS
    if not known or "__init__" in vars(declared):
        return _dataclass(declared, **options)

    def make() -> None:
        for name in ASKED:
            delattr(declared, name)
        _dataclass(declared, **{**options, "slots": False})

    for name in ASKED:
        setattr(declared, name, _Later(declared, name, make))
    return declared


class _Later:
    """Stands in a class for what `dataclasses.dataclass` gives it, which it makes when asked."""

    def __init__(self, declared: type, name: str, make: Callable[[], None]) -> None:
        self._declared = declared
        self._name = name
        self._make = make

    def __get__(self, instance: Any, owner: type) -> Any:
        if vars(self._declared).get(self._name) is self:
            self._make()
        made = vars(self._declared)[self._name]
        return made.__get__(instance, owner) if hasattr(made, "__get__") else made


class _AnyKeys(type):
    """The class of `TypedDict`: those that derive from it are plain dictionaries."""

    def __new__(
        cls, name: str, bases: tuple[Any, ...], members: dict[str, Any], **options: Any
    ) -> Any:
        if _is_late(members["__module__"]):
            return super().__new__(cls, name, (dict,), members)
        real = tuple(_TypedDict if type(base) is cls else base for base in bases)
        return new_class(name, real, options, lambda filled: filled.update(members))


TypedDict = type.__new__(_AnyKeys, "TypedDict", (dict,), {})


def _is_late(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES
