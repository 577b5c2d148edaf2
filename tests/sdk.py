"""Anthropic's SDK, imported by the test that first uses it: its import takes two seconds."""

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anthropic
elif "anthropic" not in sys.modules:
    spec = find_spec("anthropic")
    spec.loader = LazyLoader(spec.loader)
    anthropic = sys.modules["anthropic"] = module_from_spec(spec)
    spec.loader.exec_module(anthropic)

__all__ = ["anthropic"]
