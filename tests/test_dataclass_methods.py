"""Dataclasses that compile their methods later are like all others."""

import builtins
import dataclasses
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, make_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataclass_methods import CREATE, compiled_later

FIELDS = ("a", "b", "c")
VALUES = st.one_of(st.integers(0, 2), st.sampled_from(["", "x"]), st.none())
FLAGS = ("repr", "eq", "order", "unsafe_hash", "frozen", "kw_only", "slots")
Define = Callable[[], type]


@st.composite
def _definitions(draw: st.DrawFn) -> Define:
    """Return what makes a class, each time the same."""
    first = draw(st.integers(0, len(FIELDS)))  # of the fields with a default
    options: list[dict[str, Any]] = []
    for number in range(len(FIELDS)):
        default = {"default": draw(VALUES), "default_factory": dict}
        name = draw(st.sampled_from(sorted(default)))
        shown = {"compare": draw(st.booleans()), "repr": draw(st.booleans())}
        options.append(shown if number < first else shown | {name: default[name]})
    flags: dict[str, Any] = {flag: draw(st.booleans()) for flag in FLAGS}
    flags["eq"] |= flags["order"]

    def define() -> type:
        fields = [(name, object, field(**one)) for name, one in zip(FIELDS, options, strict=True)]
        return make_dataclass("Made", fields, **flags)

    return define


def _attempt(work: Callable[..., object], *given: object, **named: object) -> object:
    """Return what a call returns, or its error."""
    try:
        return work(*given, **named)
    except Exception as exc:  # noqa: BLE001 - any
        return type(exc).__name__, str(exc)


def _behaviour(kind: type, calls: Sequence[tuple[object, ...]]) -> Iterator[object]:
    """Yield all that a class does with these arguments."""
    made = [_attempt(kind, *values) for values in calls]
    made += [_attempt(kind, **dict(zip(FIELDS, values, strict=False))) for values in calls]
    yield [one for one in made if isinstance(one, tuple)]
    instances = [one for one in made if isinstance(one, kind)]
    for one in instances:
        yield [getattr(one, name) for name in FIELDS]
        yield repr(one).partition(" object at ")[0]
        for other in instances:
            yield one is other or one == other
            yield _attempt(operator.lt, one, other)
            yield _attempt(lambda one=one, other=other: hash(one) == hash(other))
    for one in instances:
        for name in ("a", "other"):
            yield _attempt(setattr, one, name, 1)
            yield _attempt(delattr, one, name)


@given(_definitions(), st.lists(st.lists(VALUES, max_size=4).map(tuple), min_size=1, max_size=3))
def test_a_class_does_what_it_does_otherwise(
    define: Define, calls: list[tuple[object, ...]]
) -> None:
    plain = _attempt(define)
    with compiled_later():
        later = _attempt(define)
    if not isinstance(plain, type) or not isinstance(later, type):
        assert later == plain
        return
    assert [*_behaviour(later, calls)] == [*_behaviour(plain, calls)]


def _compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list of what dataclasses compile from now on."""
    texts: list[str] = []

    def noted(text: str, *given: Any) -> None:
        texts.append(text)
        builtins.exec(text, *given)  # noqa: S102 - as it does

    monkeypatch.setattr(dataclasses, "exec", noted, raising=False)
    return texts


@pytest.mark.skipif(not hasattr(dataclasses, CREATE), reason="methods are made in another way")
def test_a_method_is_compiled_once_when_it_is_first_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = _compiled(monkeypatch)
    with compiled_later():

        @dataclass(frozen=True, slots=True)
        class Base:
            """Without this, the decorator asks for the signature of `__init__`."""

            value: int

        @dataclass(frozen=True, slots=True)
        class Derived(Base):
            """The same."""

            other: int = 0

    assert texts == []
    assert [Derived(1), Derived(1)] == [Derived(1), Derived(1)]
    assert len(texts) == 2  # __init__ and __eq__
    assert Derived.__init__.__code__.co_varnames == ("self", "value", "other")
    assert Derived.__init__.__qualname__.endswith("Derived.__init__")
    assert repr(Derived(1)) == repr(Derived(1)).replace("Base", "Derived")
    assert len(texts) == 3

    @dataclass
    class Afterwards:
        value: int

    assert len(texts) > 3


def test_python_compiles_each_method_of_a_dataclass_by_itself_until_3_13(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where this fails, `app.dataclass_methods` is of no use any more."""
    texts = _compiled(monkeypatch)
    make_dataclass("Made", ["value"], frozen=True)
    assert (len(texts) > 1) == hasattr(dataclasses, CREATE) == (sys.version_info < (3, 13))
