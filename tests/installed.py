"""Let the tests test the installed wheel: ``pytest -p tests.installed`` (make test-wheel).

The repository's folders have other names than what the wheel installs. With this plugin, `app` in a
test is `anthropic_proxy` from site-packages: the same module under both names, loaded once.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

INSTALLED = {"app": "anthropic_proxy", "simulator": "anthropic_proxy_simulator"}


class Alias(MetaPathFinder, Loader):
    """Finds the installed module for the name that it has in the repository."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for a module of `INSTALLED`."""
        return spec_from_loader(fullname, self) if _installed(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the installed module, loaded."""
        name = _installed(spec.name)
        assert name is not None
        module = importlib.import_module(name)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module, which is loaded, and its own spec as they are."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def _installed(name: str) -> str | None:
    package, dot, rest = name.partition(".")
    return INSTALLED[package] + dot + rest if package in INSTALLED else None


for installed in INSTALLED.values():
    found = Path(str(importlib.import_module(installed).__file__))
    assert found.is_relative_to(sys.prefix), f"{found} is not from the wheel"
sys.meta_path.insert(0, Alias())
