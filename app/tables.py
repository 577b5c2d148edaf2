"""Tables of a TOML file that a user wrote, checked against a type."""

from typing import TypeVar

import msgspec

_Kind = TypeVar("_Kind", bound=msgspec.Struct)


def checked(said: object, kind: type[_Kind], where: str) -> _Kind:
    """Return what a table says; raises ValueError with its place, the reason and its fields."""
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as exc:
        fields = ", ".join(kind.__struct_fields__)
        raise ValueError(f"{where}: {exc} (its fields are {fields})") from exc
