"""This proxy without its cache recorder, which no setting turns off: the baseline of `insight`."""

import sys
from unittest.mock import patch

from app.cli import main
from app.proxy.caching import OFF

if __name__ == "__main__":
    with patch("app.application.caching_of", lambda _settings: OFF):
        sys.exit(main())
