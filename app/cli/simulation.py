"""The simulator, a package beside this one: ``simulator`` in the repository, else as installed.

A wheel must not put a package called ``simulator`` into a user's site-packages (setup.py). Its
name goes with this package's own, so that one process never loads it under both. Import this
module where the simulator runs only: serving needs none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["command", "load", "simulator", "turns"]

if TYPE_CHECKING:
    import simulator
    from simulator import command, load
else:
    _root = __name__.partition(".")[0]
    _package = "simulator" if _root == "app" else f"{_root}_simulator"
    simulator, command, load = map(
        import_module, (_package, f"{_package}.command", f"{_package}.load")
    )


def turns(upstream: "simulator.Simulator", tool: tuple[str, dict[str, Any]]) -> None:
    """Let a simulator answer with the use of a tool, and then with text."""
    upstream.script(simulator.Step(tool_use=tool), simulator.Step(text="Done."))
