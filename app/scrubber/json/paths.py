"""JSON paths, as people read them: ``$.messages[0].content``."""

import re
from collections.abc import Collection

from .visitor import Path, steps

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")


def json_path(root: tuple[str | int, ...], path: Path) -> str:
    """Return the path of a string: that of its unit in the document, and its own in the unit."""
    return _written([*root, *steps(path)])


def json_path_without(root: tuple[str | int, ...], path: Path, values: Collection[str]) -> str:
    """Return a path for a file: a name that is odd, or holds one of ``values``, becomes ``*``."""
    return _written(
        [
            step if isinstance(step, int) or _is_harmless(step, values) else "*"
            for step in (*root, *steps(path))
        ]
    )


def _written(names: list[str | int]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in names)


def _is_harmless(name: str, values: Collection[str]) -> bool:
    return bool(_PLAIN.fullmatch(name)) and not any(value in name for value in values)
