"""This proxy without its cache recorder, which no setting turns off: the baseline of `insight`.

It is loaded as the command loads it, so that its memory and start can be compared.
"""

import sys

from app import imports
from app.cli import main

if __name__ == "__main__":
    imports.load("server.alone")
    from app import application
    from app.proxy.caching import OFF

    setattr(application, "caching_of", lambda _settings: OFF)  # noqa: B010 - no assignment to mypy
    sys.exit(main())
