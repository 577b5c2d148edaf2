"""Anthropic's SDK, imported by the test that first uses it: its import takes two seconds.

It is no lazy module in `sys.modules`: Hypothesis looks at each there, which would import it.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anthropic

__all__ = ["anthropic"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(name)
    return import_module(name)
