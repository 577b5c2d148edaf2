"""Makes what comes from files once, and again only after one of the files has changed.

To read a key and to check its certificate takes milliseconds, and a thousand tests start a proxy.
"""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from app.certificates import Certificate

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """Remember what ``make`` returns, by its arguments and by the versions of the files there."""
    made: dict[Any, T] = {}

    @functools.wraps(make)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            versions = tuple(_versions((*args, *kwargs.values())))
        except OSError:
            return make(*args, **kwargs)  # it says what is wrong with the file
        key = (args, tuple(sorted(kwargs.items())), versions)
        if key not in made:
            made[key] = make(*args, **kwargs)
        return made[key]

    return remembered


def _versions(values: tuple[Any, ...]) -> Iterator[tuple[int, ...]]:
    """Return what changes with a file, for each file among the values."""
    for value in values:
        if isinstance(value, Certificate):
            yield from _versions((value.cert_file, value.key_file, value.ca_file))
        elif isinstance(value, Path):
            found = value.stat()
            yield found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
